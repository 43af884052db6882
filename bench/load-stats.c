/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The statistics of a run: each delivery is checked against the sequence of its sender, and its
 * latency is added to a histogram with buckets of 3 %. Eight bytes per receiver and sender are
 * enough to tell lost, doubled and disordered messages apart, up to 32 messages late. Nothing is
 * allocated per message. */

#include "load-stats.h"

#include "stamp.h"

enum
{
  SUB_BITS = 5, /* 32 buckets per octave */
  SEEN_BITS = 32,
};

LoadStats *
load_stats_new (guint n_receivers, guint n_senders, guint32 tag, LoadWindow *window)
{
  LoadStats *stats = g_new0 (LoadStats, 1);

  stats->n_receivers = n_receivers;
  stats->n_senders = n_senders;
  stats->tag = tag;
  stats->window = window;
  stats->cells = g_new0 (LoadCell, (gsize) n_receivers * n_senders);
  stats->receivers = g_new0 (LoadReceiver, n_receivers);
  stats->sent = g_new0 (guint32, n_senders);
  for (gsize i = 0; i < (gsize) n_receivers * n_senders; i++)
    stats->cells[i] = (LoadCell){ .next = 1, .seen = G_MAXUINT32 };
  for (guint i = 0; i < n_receivers; i++)
    stats->receivers[i].last_us = G_MAXINT64;
  return stats;
}

void
load_stats_free (LoadStats *stats)
{
  g_free (stats->cells);
  g_free (stats->receivers);
  g_free (stats->sent);
  g_free (stats);
}

void
load_stats_set_window (LoadStats *stats, LoadWindow *window, gint64 now_us)
{
  for (guint i = 0; i < stats->n_receivers; i++)
    {
      LoadReceiver *receiver = &stats->receivers[i];

      if (receiver->last_us == 0)
        continue;
      stats->window->silence_max_us = MAX (stats->window->silence_max_us,
                                           now_us - receiver->last_us);
      *receiver = (LoadReceiver){ .last_us = now_us };
    }
  stats->window = window;
}

LoadSilence *
load_stats_take_silence (LoadStats *stats, gint64 now_us)
{
  LoadSilence *silence = load_silence_new ();

  for (guint i = 0; i < stats->n_receivers; i++)
    {
      LoadReceiver *receiver = &stats->receivers[i];

      if (receiver->last_us != 0)
        load_silence_add (silence, MAX (receiver->silence_us, now_us - receiver->last_us));
      receiver->silence_us = 0;
    }
  return silence;
}

guint32
load_stats_note_sent (LoadStats *stats, guint sender)
{
  stats->window->sent++;
  return ++stats->sent[sender];
}

/* Counts a message that is not the next of its sender. After a later one, those in between are
 * missing for now; an earlier one was missing, or is doubled. */
static void
note_out_of_sequence (LoadStats *stats, LoadCell *cell, guint32 sequence)
{
  guint32 ahead = sequence - cell->next;
  guint32 behind = cell->next - 1 - sequence;

  if (sequence > cell->next)
    {
      stats->gaps += ahead;
      cell->seen = ahead + 1 < SEEN_BITS ? cell->seen << (ahead + 1) | 1 : 1;
      cell->next = sequence + 1;
      return;
    }
  if (behind >= SEEN_BITS || cell->seen & 1u << behind)
    {
      stats->doubled++;
      return;
    }
  cell->seen |= 1u << behind;
  stats->gaps--;
  stats->disordered++;
}

static guint
find_bucket (guint64 us)
{
  guint octave = g_bit_storage (us | ((1 << SUB_BITS) - 1)) - SUB_BITS;

  return (octave << SUB_BITS) + ((us >> octave) & ((1 << SUB_BITS) - 1));
}

static void
note_latency (LoadWindow *window, guint64 age_us)
{
  window->timed++;
  window->latency[find_bucket (age_us)]++;
  window->latency_max_us = MAX (window->latency_max_us, age_us);
}

static void
note_silence (LoadStats *stats, LoadReceiver *receiver, gint64 now_us)
{
  gint64 silence_us = now_us - receiver->last_us;

  receiver->last_us = now_us;
  receiver->silence_us = MAX (receiver->silence_us, silence_us);
  stats->window->silence_max_us = MAX (stats->window->silence_max_us, silence_us);
}

int
load_stats_note_message (LoadStats *stats,
                         guint receiver,
                         const guint8 *payload,
                         guint64 length,
                         gint64 now_us)
{
  LoadWindow *window = stats->window;
  LoadCell *cell;
  Stamp stamp;

  if (G_UNLIKELY (!stamp_read (payload, length, stats->tag, &stamp)
                  || stamp.sender >= stats->n_senders))
    {
      stats->foreign++;
      return -1;
    }
  cell = &stats->cells[(gsize) receiver * stats->n_senders + stamp.sender];
  if (G_LIKELY (stamp.sequence == cell->next))
    {
      cell->next++;
      cell->seen = cell->seen << 1 | 1;
    }
  else
    note_out_of_sequence (stats, cell, stamp.sequence);

  window->deliveries++;
  if (receiver >= stats->first_timed)
    note_latency (window, stamp_age_us (&stamp, now_us));
  note_silence (stats, &stats->receivers[receiver], now_us);
  return stamp.sender;
}

void
load_stats_note_gone (LoadStats *stats, guint receiver)
{
  stats->receivers[receiver].last_us = 0;
}

guint64
load_stats_count_missing (const LoadStats *stats)
{
  guint64 missing = stats->gaps;

  for (guint i = 0; i < stats->n_receivers; i++)
    for (guint j = 0; stats->receivers[i].last_us != 0 && j < stats->n_senders; j++)
      missing += stats->sent[j] + 1 - stats->cells[(gsize) i * stats->n_senders + j].next;
  return missing;
}

guint64
load_window_get_latency (const LoadWindow *window, double fraction)
{
  guint64 wanted = window->timed * fraction;
  guint64 passed = 0;

  for (guint i = 0; i < LOAD_HISTOGRAM_BUCKETS; i++)
    {
      guint octave = i >> SUB_BITS;
      guint64 sub = i & ((1 << SUB_BITS) - 1);

      passed += window->latency[i];
      if (passed > wanted)
        return MIN (window->latency_max_us, (sub << octave) + ((1ull << octave) - 1) / 2);
    }
  return window->latency_max_us;
}
