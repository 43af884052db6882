/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "load-silence.h"

enum
{
  LOAD_HISTOGRAM_BUCKETS = 44 * 32, /* 2^48 us */
};

/* What happened in one stretch of time. */
typedef struct
{
  guint64 sent;       /* messages */
  guint64 deliveries; /* of stamped messages */
  guint64 timed;      /* of those, whose latency counts */
  guint64 latency[LOAD_HISTOGRAM_BUCKETS];
  guint64 latency_max_us;
  gint64 silence_max_us; /* the longest that any receiver went between two messages */
} LoadWindow;

/* What one receiver has seen of one sender. */
typedef struct
{
  guint32 next; /* the sequence due */
  guint32 seen; /* bit n: sequence `next - 1 - n` has come */
} LoadCell;

typedef struct
{
  gint64 last_us;    /* when it got its last message; 0: it left */
  gint64 silence_us; /* the longest since load_stats_take_silence() */
} LoadReceiver;

typedef struct
{
  guint n_receivers;
  guint n_senders;
  guint first_timed;  /* latencies are those of receivers from this on */
  guint32 tag;        /* of this run's stamps */
  LoadWindow *window; /* unowned: where the present counts go */
  LoadCell *cells; /* owned: a row a receiver, so that a batch of messages meets one cache line */
  LoadReceiver *receivers; /* owned */
  guint32 *sent;           /* owned: messages of each sender */
  guint64 foreign;         /* messages without a stamp of ours */
  guint64 gaps;            /* sequences jumped over and not come since */
  guint64 doubled;
  guint64 disordered;
} LoadStats;

/* @window: (unowned): see load_stats_set_window(). */
LoadStats *load_stats_new (guint n_receivers, guint n_senders, guint32 tag, LoadWindow *window);
void load_stats_free (LoadStats *stats);

/* From now on counts go to @window, and the silences of all receivers start at @now_us. The silence
 * of those that got nothing until now still counts in the window that ends. */
void load_stats_set_window (LoadStats *stats, LoadWindow *window, gint64 now_us);

/* Returns: (transfer full): the longest silence of each connected receiver since this was asked
 * last, or the window was set. One that lasts still is counted up to @now_us, and in full when it
 * has ended. */
LoadSilence *load_stats_take_silence (LoadStats *stats, gint64 now_us);

/* Returns: the sequence that the sender's next message carries. */
guint32 load_stats_note_sent (LoadStats *stats, guint sender);

/* Counts a message that came. Returns: its sender, or -1 if it is foreign. */
int load_stats_note_message (LoadStats *stats,
                             guint receiver,
                             const guint8 *payload,
                             guint64 length,
                             gint64 now_us);

/* The receiver's connection has ended: what it does not get is not lost, but a disconnect. */
void load_stats_note_gone (LoadStats *stats, guint receiver);

/* Returns: how many deliveries to the connected receivers have not come, over all senders. */
guint64 load_stats_count_missing (const LoadStats *stats);

/* @fraction: 0.5 for the median. Returns: microseconds, right to 3 %. */
guint64 load_window_get_latency (const LoadWindow *window, double fraction);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LoadStats, load_stats_free)
