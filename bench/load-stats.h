/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "load-silence.h"

enum
{
  LOAD_HISTOGRAM_BUCKETS = 44 * 32, /* 2^48 us */
};

/* Counts of one period. */
typedef struct
{
  guint64 sent;       /* messages */
  guint64 deliveries; /* of stamped messages */
  guint64 timed;      /* deliveries whose latency is counted */
  guint64 latency[LOAD_HISTOGRAM_BUCKETS];
  guint64 latency_max_us;
  gint64 silence_max_us; /* longest time of any receiver between two messages */
} LoadWindow;

/* The messages of one sender that one receiver has got. */
typedef struct
{
  guint32 next; /* the next sequence number */
  guint32 seen; /* bit n: sequence number `next - 1 - n` was received */
} LoadCell;

typedef struct
{
  gint64 last_us;    /* CLOCK_MONOTONIC: time of its last message; 0: disconnected */
  gint64 silence_us; /* longest silence since load_stats_take_silence() */
} LoadReceiver;

typedef struct
{
  guint n_receivers;
  guint n_senders;
  guint first_timed;  /* first receiver whose latencies are counted */
  guint32 tag;        /* of this run's stamps */
  LoadWindow *window; /* unowned: the current one */
  LoadCell
    *cells; /* owned: a row for each receiver, so that a batch of messages uses one cache line */
  LoadReceiver *receivers; /* owned */
  guint32 *sent;           /* owned: messages sent, for each sender */
  guint64 foreign;         /* messages without a stamp of this run */
  guint64 gaps;            /* messages skipped and not received since */
  guint64 doubled;
  guint64 disordered;
} LoadStats;

/* @window: (transfer none): see load_stats_set_window(). */
LoadStats *load_stats_new (guint n_receivers, guint n_senders, guint32 tag, LoadWindow *window);
void load_stats_free (LoadStats *stats);

/* Counts in @window (transfer none) from now on. Silences that have not ended yet count in the
 * previous window up to @now_us, and start again at @now_us. */
void load_stats_set_window (LoadStats *stats, LoadWindow *window, gint64 now_us);

/* Returns: (transfer full): the longest silence of each connected receiver since the last call, or
 * since the window was set. A silence that has not ended counts up to @now_us, and counts in full
 * after its end. */
LoadSilence *load_stats_take_silence (LoadStats *stats, gint64 now_us);

/* Counts a sent message. Returns its sequence number. */
guint32 load_stats_note_sent (LoadStats *stats, guint sender);

/* Counts a received message. Returns its sender, or -1 if it is foreign. */
int load_stats_note_message (LoadStats *stats,
                             guint receiver,
                             const guint8 *payload,
                             guint64 length,
                             gint64 now_us);

/* Records that @receiver has disconnected: messages that it does not get are not counted as lost.
 */
void load_stats_note_gone (LoadStats *stats, guint receiver);

/* Returns the number of missing deliveries to connected receivers. */
guint64 load_stats_count_missing (const LoadStats *stats);

/* Returns a quantile of the latency in microseconds, exact to 3 %. @fraction: 0.5 for the median.
 */
guint64 load_window_get_latency (const LoadWindow *window, double fraction);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LoadStats, load_stats_free)
