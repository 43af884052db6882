/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Slow clients: they do not affect others, and are evicted only when the log would overwrite their
 * data. */

#include "engine-fixture.h"

#define LOG_SIZE (1 << 16)
#define SIZE     1000

static const WsEngineOptions small_log
  = { .log_size = LOG_SIZE, .max_message = LOG_SIZE / 8, .max_clients = 100 };

/* Publishes @count messages; all peers that are not stalled read after each. Returns: the next
 * number.
 */
static guint64
publish_slowly (EngineFixture *fixture, guint64 number, guint count)
{
  for (guint i = 0; i < count; i++)
    {
      engine_fixture_publish (fixture, number++, SIZE);
      crowd_settle (fixture->crowd);
    }

  return number;
}

static void
pong_follows_the_message_that_is_blocked (EngineFixture *fixture, gconstpointer data)
{
  Peer *stalled = engine_fixture_join_stalled (fixture, NULL);

  engine_fixture_publish (fixture, 0, 8000);
  engine_fixture_publish (fixture, 1, 8000);
  crowd_settle (fixture->crowd);
  peer_send (stalled, FRAME_PING, "x", 1);
  crowd_settle (fixture->crowd);

  stalled->is_stalled = FALSE;
  crowd_settle (fixture->crowd);
  peer_expect_message (stalled, 0, 8000);
  peer_expect (stalled, FRAME_PONG, "x", 1);
  peer_expect_message (stalled, 1, 8000);
  peer_expect_silence (stalled);
}

static void
client_that_reads_in_time_misses_nothing (EngineFixture *fixture, gconstpointer data)
{
  const guint fitting = LOG_SIZE * 9 / 10 / SIZE;
  WsClient *client;
  Peer *stalled = engine_fixture_join_stalled (fixture, &client);
  Peer *awake = engine_fixture_join (fixture, NULL);
  guint64 number = 0;

  for (guint round = 0; round < 10; round++)
    {
      const guint64 first = number;

      stalled->is_stalled = TRUE;
      number = publish_slowly (fixture, number, fitting);
      g_assert_cmpuint (ws_engine_get_behind (fixture->engine, client), >, LOG_SIZE / 2);
      g_assert_cmpuint (engine_fixture_take (awake, first, SIZE), ==, number);
      stalled->is_stalled = FALSE;
      crowd_settle (fixture->crowd);
      g_assert_cmpuint (ws_engine_get_behind (fixture->engine, client), ==, 0);
      g_assert_cmpuint (engine_fixture_take (stalled, first, SIZE), ==, number);
    }
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->slow_closed, ==, 0);
}

static void
evicted_client_gets_a_close_frame (EngineFixture *fixture, gconstpointer data)
{
  WsClient *client;
  Peer *stalled = engine_fixture_join_stalled (fixture, &client);
  Peer *awake = engine_fixture_join (fixture, NULL);
  const guint64 number = publish_slowly (fixture, 0, 2 * LOG_SIZE / SIZE);
  guint64 seen = 0;
  Frame frame;

  g_assert_cmpuint (engine_fixture_stats (fixture).counters->slow_closed, ==, 1);
  g_assert_cmpuint (ws_engine_get_behind (fixture->engine, client), ==, 0);
  g_assert_cmpuint (engine_fixture_take (awake, 0, SIZE), ==, number);

  stalled->is_stalled = FALSE;
  crowd_settle (fixture->crowd);
  for (; frame_read (stalled->in, &frame) && frame.opcode == FRAME_BINARY; seen++)
    peer_expect_message (stalled, seen, SIZE);
  peer_expect_close (stalled, WS_CLOSE_TRY_AGAIN_LATER, "too slow");
  peer_expect_silence (stalled);
  g_assert_cmpuint (seen, >, 0);
  g_assert_cmpuint (seen, <, LOG_SIZE / SIZE); /* the content of the socket, not of the log */

  peer_send_close (stalled, WS_CLOSE_TRY_AGAIN_LATER);
  crowd_settle (fixture->crowd);
  peer_expect_end (stalled);
  g_assert_cmpstr (fixture->closed->str, ==, "1:1013;");
  g_assert_cmpuint (engine_fixture_count_closed (fixture, 1013), ==, 1);
}

/* The client reads nothing, not even its close frame. */
static void
evicted_client_that_never_reads_is_dropped (EngineFixture *fixture, gconstpointer data)
{
  const gint64 begin_us = g_get_monotonic_time ();
  Peer *stalled = engine_fixture_join_stalled (fixture, NULL);

  publish_slowly (fixture, 0, 2 * LOG_SIZE / SIZE);
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->slow_closed, ==, 1);
  CROWD_WAIT_FOR (fixture->crowd, engine_fixture_stats (fixture).clients == 0);
  g_assert_cmpint (g_get_monotonic_time () - begin_us, >=, 5 * G_USEC_PER_SEC);
  g_assert_cmpstr (fixture->closed->str, ==, "1:1013;");
  peer_read (stalled, G_MAXSIZE);
  g_assert_true (stalled->has_ended);
}

/* The main loop does not run between these appends, so the appends must send. */
static void
burst_loses_nothing_for_clients_that_are_writable (EngineFixture *fixture, gconstpointer data)
{
  const guint count = 2 * LOG_SIZE / SIZE;
  Peer *peers[20];

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peers[i] = engine_fixture_join (fixture, NULL);
  for (guint64 number = 0; number < count; number++)
    engine_fixture_publish (fixture, number, SIZE);
  crowd_settle (fixture->crowd);

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    g_assert_cmpuint (engine_fixture_take (peers[i], 0, SIZE), ==, count);
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->slow_closed, ==, 0);
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->delivered, ==,
                    count * G_N_ELEMENTS (peers));
}

/* The index is full before the ring. */
static void
burst_of_tiny_messages_loses_nothing (EngineFixture *fixture, gconstpointer data)
{
  const guint count = 5 * LOG_SIZE / 64;
  Peer *peer = engine_fixture_join (fixture, NULL);

  for (guint64 number = 0; number < count; number++)
    engine_fixture_publish (fixture, number, 1);
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (engine_fixture_take (peer, 0, 1), ==, count);
}

/* The socket was full and becomes writable, but no event is handled: the append must try to send.
 */
static void
blocked_client_is_tried_again_before_eviction (EngineFixture *fixture, gconstpointer data)
{
  const guint stuck = LOG_SIZE / SIZE / 2;
  const guint count = 4 * LOG_SIZE / SIZE;
  WsClient *client;
  Peer *peer = engine_fixture_join_stalled (fixture, &client);

  publish_slowly (fixture, 0, stuck);
  g_assert_cmpuint (ws_engine_get_behind (fixture->engine, client), >, LOG_SIZE / 4);
  for (guint64 number = stuck; number < count; number++)
    {
      peer_read (peer, G_MAXSIZE);
      engine_fixture_publish (fixture, number, SIZE);
    }

  peer->is_stalled = FALSE;
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (engine_fixture_take (peer, 0, SIZE), ==, count);
}

/* No frame is truncated if many clients are evicted at the same time. */
static void
many_clients_evicted_at_once_get_whole_frames (EngineFixture *fixture, gconstpointer data)
{
  Peer *stalled[30];
  Peer *awake = engine_fixture_join (fixture, NULL);
  guint64 number;

  for (guint i = 0; i < G_N_ELEMENTS (stalled); i++)
    {
      stalled[i] = engine_fixture_join_stalled (fixture, NULL);
      engine_fixture_publish (fixture, i, SIZE); /* so that they block at different offsets */
      crowd_settle (fixture->crowd);
    }
  number = publish_slowly (fixture, G_N_ELEMENTS (stalled), 2 * LOG_SIZE / SIZE);
  g_assert_cmpuint (engine_fixture_take (awake, 0, SIZE), ==, number);
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->slow_closed, ==,
                    G_N_ELEMENTS (stalled));

  for (guint i = 0; i < G_N_ELEMENTS (stalled); i++)
    {
      guint64 next = i;
      Frame frame;

      stalled[i]->is_stalled = FALSE;
      crowd_settle (fixture->crowd);
      for (; frame_read (stalled[i]->in, &frame) && frame.opcode == FRAME_BINARY; next++)
        peer_expect_message (stalled[i], next, SIZE);
      peer_expect_close (stalled[i], WS_CLOSE_TRY_AGAIN_LATER, "too slow");
      peer_hang_up (stalled[i]);
    }
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (engine_fixture_count_closed (fixture, 1013), ==, G_N_ELEMENTS (stalled));
}

/* Returns: the number of peers in @peers that got whole frames and a close frame. Hangs up on all.
 */
static guint
count_informed (EngineFixture *fixture, Peer **peers, guint n)
{
  guint told = 0;

  for (guint i = 0; i < n; i++)
    {
      Frame frame;

      peers[i]->is_stalled = FALSE;
      crowd_settle (fixture->crowd);
      while (frame_read (peers[i]->in, &frame) && frame.opcode == FRAME_BINARY)
        g_byte_array_remove_range (peers[i]->in, 0, frame.header_size + frame.size);
      if (peers[i]->has_ended) /* closed within a frame */
        {
          g_assert_false (frame_read (peers[i]->in, &frame));
          continue;
        }
      peer_expect_close (peers[i], WS_CLOSE_TRY_AGAIN_LATER, "too slow");
      peer_hang_up (peers[i]);
      told++;
    }
  crowd_settle (fixture->crowd);
  return told;
}

/* Adds @n stalled clients to @stalled and publishes until all of them are evicted. */
static void
overrun (EngineFixture *fixture, Peer **stalled, guint n)
{
  for (guint i = 0; i < n; i++)
    stalled[i] = engine_fixture_join_stalled (fixture, NULL);
  for (guint64 number = 0; number < 10; number++)
    {
      engine_fixture_publish (fixture, number, LOG_SIZE / 8);
      crowd_settle (fixture->crowd);
    }
}

/* An evicted client gets a copy of the rest of its frame, as long as all copies together are no
 * larger than four logs. Other clients are disconnected without it. */
static void
copies_for_evicted_clients_are_limited (EngineFixture *fixture, gconstpointer data)
{
  const guint many = 100;
  Peer *stalled[100];
  guint told;

  overrun (fixture, stalled, many);
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->slow_closed, ==, many);
  told = count_informed (fixture, stalled, many);
  g_assert_cmpuint (told, >=, 30); /* each copy is at most an eighth of the log */
  g_assert_cmpuint (told, <, many);
  g_assert_cmpuint (engine_fixture_count_closed (fixture, 1013), ==, many);

  overrun (fixture, stalled, 3); /* the memory of the first copies is free again */
  g_assert_cmpuint (count_informed (fixture, stalled, 3), ==, 3);
}

static void
client_that_hung_up_is_not_counted_as_slow (EngineFixture *fixture, gconstpointer data)
{
  Peer *stalled = engine_fixture_join_stalled (fixture, NULL);

  publish_slowly (fixture, 0, LOG_SIZE / SIZE / 2);
  peer_hang_up (stalled);
  for (guint64 number = 0; number < 2 * LOG_SIZE / SIZE; number++)
    engine_fixture_publish (fixture, number, SIZE); /* the append fails to send */
  crowd_settle (fixture->crowd);
  g_assert_cmpstr (fixture->closed->str, ==, "1:1006;");
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->slow_closed, ==, 0);
}

static void
closing_client_that_is_evicted_keeps_its_close_code (EngineFixture *fixture, gconstpointer data)
{
  WsClient *client;
  Peer *stalled = engine_fixture_join_stalled (fixture, &client);
  guint64 seen = 0;
  Frame frame;

  publish_slowly (fixture, 0, 20);
  ws_engine_close (fixture->engine, client, WS_CLOSE_SERVICE_RESTART, "service restart");
  publish_slowly (fixture, 20, 2 * LOG_SIZE / SIZE);

  stalled->is_stalled = FALSE;
  crowd_settle (fixture->crowd);
  for (; frame_read (stalled->in, &frame) && frame.opcode == FRAME_BINARY; seen++)
    peer_expect_message (stalled, seen, SIZE);
  peer_expect_close (stalled, WS_CLOSE_SERVICE_RESTART, "service restart");
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->slow_closed, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ENGINE_TEST ("/engine/slow/pong", &small_log, pong_follows_the_message_that_is_blocked);
  ENGINE_TEST ("/engine/slow/in-time", &small_log, client_that_reads_in_time_misses_nothing);
  ENGINE_TEST ("/engine/slow/evicted", &small_log, evicted_client_gets_a_close_frame);
  ENGINE_TEST ("/engine/slow/never-reads", &small_log, evicted_client_that_never_reads_is_dropped);
  ENGINE_TEST ("/engine/slow/crowd", &small_log, many_clients_evicted_at_once_get_whole_frames);
  ENGINE_TEST ("/engine/slow/copies", &small_log, copies_for_evicted_clients_are_limited);
  ENGINE_TEST ("/engine/slow/hung-up", &small_log, client_that_hung_up_is_not_counted_as_slow);
  ENGINE_TEST ("/engine/slow/closing", &small_log,
               closing_client_that_is_evicted_keeps_its_close_code);
  ENGINE_TEST ("/engine/burst", &small_log, burst_loses_nothing_for_clients_that_are_writable);
  ENGINE_TEST ("/engine/burst/tiny", &small_log, burst_of_tiny_messages_loses_nothing);
  ENGINE_TEST ("/engine/burst/blocked", &small_log, blocked_client_is_tried_again_before_eviction);

  return g_test_run ();
}
