/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Tests that the load generator detects lost, doubled and disordered messages and silences, and
 * that its stamps and frames are correct. */

#include "load-client.h"
#include "load-stats.h"
#include "stamp.h"
#include "wire.h"

#include <string.h>

enum
{
  TAG = 0xfeedbeef,
};

/* Counts a message to @receiver. Returns the result of load_stats_note_message(). */
static int
deliver (LoadStats *stats, guint receiver, guint16 sender, guint32 sequence, gint64 now_us)
{
  const Stamp stamp = { .sender = sender, .sequence = sequence, .time_us = 0 };
  guint8 payload[STAMP_SIZE];

  stamp_write (payload, TAG, &stamp);
  return load_stats_note_message (stats, receiver, payload, sizeof payload, now_us);
}

static void
test_stamps_keep_their_limits (void)
{
  const Stamp stamps[] = {
    { .sender = 0, .sequence = 1, .time_us = 0 },
    { .sender = 0x1234, .sequence = 0x89abcdef, .time_us = 0xfedcba987654 },
    { .sender = G_MAXUINT16, .sequence = G_MAXUINT32, .time_us = 0xffffffffffff },
  };
  guint8 payload[STAMP_SIZE];
  Stamp stamp;

  for (guint i = 0; i < G_N_ELEMENTS (stamps); i++)
    {
      stamp_write (payload, TAG, &stamps[i]);
      g_assert_true (stamp_read (payload, sizeof payload, TAG, &stamp));
      g_assert_cmpuint (stamp.sender, ==, stamps[i].sender);
      g_assert_cmpuint (stamp.sequence, ==, stamps[i].sequence);
      g_assert_cmpuint (stamp.time_us, ==, stamps[i].time_us);
      for (guint j = 0; j < sizeof payload; j++)
        g_assert_true (g_ascii_isprint (payload[j]));
    }
  g_assert_false (stamp_read (payload, sizeof payload, TAG + 1, &stamp));
  g_assert_false (stamp_read (payload, sizeof payload - 1, TAG, &stamp));
}

static void
test_age_is_right_after_the_wrap_of_time (void)
{
  const Stamp stamp = { .time_us = 0xffffffffffff };

  g_assert_cmpuint (stamp_age_us (&stamp, (G_GINT64_CONSTANT (1) << 48) + 4), ==, 5);
}

static void
test_messages_in_order_are_clean (void)
{
  g_autofree LoadWindow *window = g_new0 (LoadWindow, 1);
  g_autoptr (LoadStats) stats = load_stats_new (2, 2, TAG, window);

  for (guint32 i = 1; i <= 100; i++)
    for (guint16 sender = 0; sender < 2; sender++)
      {
        g_assert_cmpuint (load_stats_note_sent (stats, sender), ==, i);
        for (guint receiver = 0; receiver < 2; receiver++)
          g_assert_cmpint (deliver (stats, receiver, sender, i, i), ==, sender);
      }
  g_assert_cmpuint (window->sent, ==, 200);
  g_assert_cmpuint (window->deliveries, ==, 400);
  g_assert_cmpuint (load_stats_count_missing (stats), ==, 0);
  g_assert_cmpuint (stats->doubled + stats->disordered + stats->foreign, ==, 0);
}

static void
test_loss_is_counted_in_the_middle_and_at_the_end (void)
{
  g_autofree LoadWindow *window = g_new0 (LoadWindow, 1);
  g_autoptr (LoadStats) stats = load_stats_new (2, 1, TAG, window);

  for (guint i = 0; i < 5; i++)
    load_stats_note_sent (stats, 0);
  deliver (stats, 0, 0, 1, 1);
  deliver (stats, 0, 0, 4, 1); /* receiver 0 misses 2, 3 and 5; receiver 1 all five */
  g_assert_cmpuint (load_stats_count_missing (stats), ==, 8);
  load_stats_note_gone (stats, 1);
  g_assert_cmpuint (load_stats_count_missing (stats), ==, 3);
  g_assert_cmpuint (stats->doubled + stats->disordered, ==, 0);
}

static void
test_doubling_and_disorder_are_told_apart (void)
{
  g_autofree LoadWindow *window = g_new0 (LoadWindow, 1);
  g_autoptr (LoadStats) stats = load_stats_new (1, 1, TAG, window);
  const guint32 sequences[] = { 1, 1, 3, 2, 2, 40, 39, 40 };

  for (guint i = 0; i < 40; i++)
    load_stats_note_sent (stats, 0);
  for (guint i = 0; i < G_N_ELEMENTS (sequences); i++)
    deliver (stats, 0, 0, sequences[i], 1);
  g_assert_cmpuint (stats->doubled, ==, 3);    /* 1, 2, 40 */
  g_assert_cmpuint (stats->disordered, ==, 2); /* 2, 39 */
  g_assert_cmpuint (load_stats_count_missing (stats), ==, 35);
}

static void
test_foreign_messages_are_left_out (void)
{
  g_autofree LoadWindow *window = g_new0 (LoadWindow, 1);
  g_autoptr (LoadStats) stats = load_stats_new (1, 1, TAG, window);

  g_assert_cmpint (load_stats_note_message (stats, 0, (const guint8 *) "hello", 5, 1), ==, -1);
  g_assert_cmpint (deliver (stats, 0, 1, 1, 1), ==, -1); /* there is no sender 1 */
  g_assert_cmpuint (stats->foreign, ==, 2);
  g_assert_cmpuint (window->deliveries, ==, 0);
}

static void
test_percentiles_are_exact_to_3_percent (void)
{
  g_autofree LoadWindow *window = g_new0 (LoadWindow, 1);
  g_autoptr (LoadStats) stats = load_stats_new (1, 1, TAG, window);
  const double fractions[] = { 0.001, 0.5, 0.9, 0.99 };

  for (guint32 i = 1; i <= 100000; i++)
    deliver (stats, 0, 0, i, i);
  for (guint i = 0; i < G_N_ELEMENTS (fractions); i++)
    g_assert_cmpfloat_with_epsilon (load_window_get_latency (window, fractions[i]),
                                    fractions[i] * 100000, fractions[i] * 100000 * 0.03 + 1);
  g_assert_cmpuint (load_window_get_latency (window, 1), ==, 100000);
  g_assert_cmpuint (window->latency_max_us, ==, 100000);
}

static void
test_only_latencies_of_timed_receivers_count (void)
{
  g_autofree LoadWindow *window = g_new0 (LoadWindow, 1);
  g_autoptr (LoadStats) stats = load_stats_new (3, 1, TAG, window);

  stats->first_timed = 1;
  deliver (stats, 0, 0, 1, 1000);
  deliver (stats, 1, 0, 1, 10);
  deliver (stats, 2, 0, 1, 20);
  g_assert_cmpuint (window->deliveries, ==, 3);
  g_assert_cmpuint (load_window_get_latency (window, 0.49), ==, 10);
  g_assert_cmpuint (load_window_get_latency (window, 0.99), ==, 20);
  g_assert_cmpuint (window->latency_max_us, ==, 20);
}

static void
test_silence_counts_to_the_end_of_the_window (void)
{
  g_autofree LoadWindow *windows = g_new0 (LoadWindow, 3);
  g_autoptr (LoadStats) stats = load_stats_new (3, 1, TAG, &windows[0]);

  load_stats_set_window (stats, &windows[1], 1000);
  deliver (stats, 0, 0, 1, 1300);
  deliver (stats, 0, 0, 2, 1400);
  deliver (stats, 1, 0, 1, 1250);
  g_assert_cmpint (windows[1].silence_max_us, ==, 300);
  load_stats_note_gone (stats, 2);
  load_stats_set_window (stats, &windows[2], 2000);
  g_assert_cmpint (windows[1].silence_max_us, ==, 750);
}

static void
test_the_longest_silence_of_each_receiver_counts (void)
{
  g_autofree LoadWindow *windows = g_new0 (LoadWindow, 2);
  g_autoptr (LoadStats) stats = load_stats_new (3, 1, TAG, &windows[0]);
  g_autoptr (LoadSilence) silence = NULL;

  load_stats_set_window (stats, &windows[1], 1000);
  deliver (stats, 0, 0, 1, 21000);
  deliver (stats, 0, 0, 2, 72500); /* 51.5 ms, the longest */
  deliver (stats, 0, 0, 3, 90000);
  deliver (stats, 1, 0, 1, 31000); /* has not ended */
  load_stats_note_gone (stats, 2);
  silence = load_stats_take_silence (stats, 101000);
  g_assert_cmpuint (silence->receivers, ==, 2);
  g_assert_cmpuint (load_silence_get_ms (silence, 0), ==, 51);
  g_assert_cmpuint (load_silence_get_ms (silence, 0.99), ==, 70);
  g_assert_cmpint (silence->max_us, ==, 70000);
}

static void
test_a_silence_across_two_periods_counts_in_full_in_the_second (void)
{
  g_autofree LoadWindow *window = g_new0 (LoadWindow, 1);
  g_autoptr (LoadStats) stats = load_stats_new (1, 1, TAG, window);
  g_autoptr (LoadSilence) first = NULL;
  g_autoptr (LoadSilence) second = NULL;

  deliver (stats, 0, 0, 1, 1000);
  first = load_stats_take_silence (stats, 31000);
  deliver (stats, 0, 0, 2, 51000);
  deliver (stats, 0, 0, 3, 52000);
  second = load_stats_take_silence (stats, 53000);
  g_assert_cmpint (first->max_us, ==, 30000);
  g_assert_cmpint (second->max_us, ==, 50000);
}

static void
test_frames_have_the_right_mask_and_size (void)
{
  const gsize lengths[] = { 0, 1, 125, 126, 127, G_MAXUINT16, G_MAXUINT16 + 1 };
  const guint8 headers[] = { 6, 6, 6, 8, 8, 8, 14 };

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_autofree guint8 *payload = g_malloc (lengths[i] + 1);
      g_autofree guint8 *out = g_malloc (lengths[i] + WIRE_MAX_HEADER);
      gsize size;
      WireFrame frame;

      for (gsize j = 0; j < lengths[i]; j++)
        payload[j] = j * 7;
      size = load_client_encode (out, WIRE_TEXT, payload, lengths[i]);
      g_assert_true (wire_parse_header (out, size, &frame));
      g_assert_false (wire_parse_header (out, headers[i] - 1, &frame));
      g_assert_true (frame.final && frame.masked && !frame.reserved_bits);
      g_assert_cmpuint (frame.opcode, ==, WIRE_TEXT);
      g_assert_cmpuint (frame.header, ==, headers[i]);
      g_assert_cmpuint (frame.length, ==, lengths[i]);
      g_assert_cmpuint (size, ==, frame.header + lengths[i]);
      for (gsize j = 0; j < lengths[i]; j++)
        g_assert_cmpuint (out[frame.header + j] ^ out[frame.header - 4 + j % 4], ==, payload[j]);
    }
}

static void
test_fields_are_found_in_any_case (void)
{
  const char head[] = "HTTP/1.1 101 Switching Protocols\r\nX-Sec-WebSocket-Accept: 1\r\n"
                      "sec-websocket-accept:  2 \r\nUpgrade: websocket";
  g_autofree char *value = wire_find_field (head, "Sec-WebSocket-Accept");
  g_autofree char *none = wire_find_field (head, "Sec-WebSocket");

  g_assert_cmpstr (value, ==, "2");
  g_assert_null (none);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/stamp/limits", test_stamps_keep_their_limits);
  g_test_add_func ("/stamp/age-wraps", test_age_is_right_after_the_wrap_of_time);
  g_test_add_func ("/stats/messages-in-order-are-clean", test_messages_in_order_are_clean);
  g_test_add_func ("/stats/loss-is-counted-in-the-middle-and-at-the-end",
                   test_loss_is_counted_in_the_middle_and_at_the_end);
  g_test_add_func ("/stats/doubling-and-disorder-are-told-apart",
                   test_doubling_and_disorder_are_told_apart);
  g_test_add_func ("/stats/foreign-messages-are-left-out", test_foreign_messages_are_left_out);
  g_test_add_func ("/stats/percentiles-are-exact-to-3-percent",
                   test_percentiles_are_exact_to_3_percent);
  g_test_add_func ("/stats/only-latencies-of-timed-receivers-count",
                   test_only_latencies_of_timed_receivers_count);
  g_test_add_func ("/stats/silence-counts-to-the-end-of-the-window",
                   test_silence_counts_to_the_end_of_the_window);
  g_test_add_func ("/stats/the-longest-silence-of-each-receiver-counts",
                   test_the_longest_silence_of_each_receiver_counts);
  g_test_add_func ("/stats/a-silence-across-two-periods-counts-in-full-in-the-second",
                   test_a_silence_across_two_periods_counts_in_full_in_the_second);
  g_test_add_func ("/wire/frames-have-the-right-mask-and-size",
                   test_frames_have_the_right_mask_and_size);
  g_test_add_func ("/wire/fields-are-found-in-any-case", test_fields_are_found_in_any_case);
  return g_test_run ();
}
