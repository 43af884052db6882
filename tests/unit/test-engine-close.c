/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The end of connections: close frames, timeouts, callbacks and counters. */

#include <string.h>
#include <sys/socket.h>

#include "engine-fixture.h"

#define CLOSE_TIMEOUT_US (5 * G_USEC_PER_SEC)

static void
closed_client_gets_pending_messages_then_the_close_frame (EngineFixture *fixture,
                                                          gconstpointer data)
{
  WsClient *client;
  Peer *peer = engine_fixture_join (fixture, &client);

  engine_fixture_publish (fixture, 0, 1000);
  ws_engine_close (fixture->engine, client, WS_CLOSE_SERVICE_RESTART, "service restart");
  engine_fixture_publish (fixture, 1, 1000);
  crowd_settle (fixture->crowd);
  peer_expect_message (peer, 0, 1000);
  peer_expect_close (peer, WS_CLOSE_SERVICE_RESTART, "service restart");
  peer_expect_silence (peer);
  g_assert_cmpstr (fixture->closed->str, ==, "");

  peer_send_text (peer, "one more");
  peer_send_close (peer, WS_CLOSE_SERVICE_RESTART);
  crowd_settle (fixture->crowd);
  peer_expect_end (peer);
  g_assert_cmpstr (fixture->messages->str, ==, "one more;");
  g_assert_cmpstr (fixture->closed->str, ==, "1:1012;");
  g_assert_cmpuint (engine_fixture_count_closed (fixture, 1012), ==, 1);
  g_assert_cmpuint (engine_fixture_stats (fixture).clients, ==, 0);
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->delivered, ==, 1);
}

static void
all_are_closed_at_once (EngineFixture *fixture, gconstpointer data)
{
  Peer *peers[300];

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peers[i] = engine_fixture_join (fixture, NULL);
  engine_fixture_publish (fixture, 0, 10);
  ws_engine_close_all (fixture->engine, WS_CLOSE_SERVICE_RESTART, "service restart");
  ws_engine_close_all (fixture->engine, WS_CLOSE_GOING_AWAY, "no effect");
  crowd_settle (fixture->crowd);

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    {
      peer_expect_message (peers[i], 0, 10);
      peer_expect_close (peers[i], WS_CLOSE_SERVICE_RESTART, "service restart");
      peer_expect_silence (peers[i]);
      peer_send_close (peers[i], WS_CLOSE_SERVICE_RESTART);
    }
  crowd_settle (fixture->crowd);
  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peer_expect_end (peers[i]);
  g_assert_cmpuint (engine_fixture_count_closed (fixture, 1012), ==, G_N_ELEMENTS (peers));
}

static void
client_that_closes_is_answered_and_disconnected (EngineFixture *fixture, gconstpointer data)
{
  const struct
  {
    guint16 sent; /* code, or 0 for an empty frame */
    guint16 told;
  } cases[] = { { 1000, 1000 }, { 1001, 1001 }, { 0, 1005 }, { 3456, 3456 }, { 4999, 4999 } };
  g_autoptr (GString) expected = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Peer *peer = engine_fixture_join (fixture, NULL);

      peer_send_close (peer, cases[i].sent);
      crowd_settle (fixture->crowd);
      peer_expect_close (peer, cases[i].sent, "");
      peer_expect_end (peer);
      g_string_append_printf (expected, "%u:%u;", i + 1, cases[i].told);
      g_assert_cmpuint (engine_fixture_count_closed (fixture, cases[i].told), ==, 1);
    }
  g_assert_cmpstr (fixture->closed->str, ==, expected->str);
}

/* A client can shut down its sending half and wait for the answer. */
static void
client_that_half_closes_after_its_close_frame_is_answered (EngineFixture *fixture,
                                                           gconstpointer data)
{
  Peer *peer = engine_fixture_join (fixture, NULL);

  engine_fixture_publish (fixture, 0, 10);
  peer_send_text (peer, "last");
  peer_send_close (peer, WS_CLOSE_NORMAL);
  g_assert_no_errno (shutdown (peer->fd, SHUT_WR));
  crowd_settle (fixture->crowd);
  g_assert_cmpstr (fixture->messages->str, ==, "last;");
  peer_expect_message (peer, 0, 10);
  peer_expect_close (peer, WS_CLOSE_NORMAL, "");
  peer_expect_end (peer);
  g_assert_cmpstr (fixture->closed->str, ==, "1:1000;");
}

static void
client_that_disconnects_without_close_frame_is_abnormal (EngineFixture *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) half = g_byte_array_new ();
  Peer *silent = engine_fixture_join (fixture, NULL);
  Peer *talking = engine_fixture_join (fixture, NULL);
  Peer *other = engine_fixture_join (fixture, NULL);

  frame_append (half, FRAME_TEXT, "half a message", 14);
  peer_send_bytes (talking, half->data, half->len - 3);
  crowd_settle (fixture->crowd);
  peer_hang_up (silent);
  peer_hang_up (talking);
  crowd_settle (fixture->crowd);

  g_assert_cmpuint (engine_fixture_count_closed (fixture, 1006), ==, 2);
  g_assert_cmpuint (engine_fixture_stats (fixture).clients, ==, 1);
  peer_expect_silence (other);
}

/* The connection breaks while a message is being sent: sending fails, not reading. */
static void
client_that_disconnects_in_a_message_does_not_affect_others (EngineFixture *fixture,
                                                             gconstpointer data)
{
  Peer *peers[10];

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peers[i] = engine_fixture_join (fixture, NULL);
  crowd_settle (fixture->crowd);
  engine_fixture_publish (fixture, 0, 10);
  for (guint i = 0; i < G_N_ELEMENTS (peers); i += 2)
    peer_hang_up (peers[i]);
  ws_engine_close_all (fixture->engine, WS_CLOSE_SERVICE_RESTART, "");
  crowd_settle (fixture->crowd);

  for (guint i = 1; i < G_N_ELEMENTS (peers); i += 2)
    {
      peer_expect_message (peers[i], 0, 10);
      peer_expect_close (peers[i], WS_CLOSE_SERVICE_RESTART, "");
      peer_send_close (peers[i], WS_CLOSE_SERVICE_RESTART);
    }
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (engine_fixture_stats (fixture).clients, ==, 0);
  g_assert_cmpuint (engine_fixture_count_closed (fixture, 1012)
                      + engine_fixture_count_closed (fixture, 1006),
                    ==, G_N_ELEMENTS (peers));
}

static void
violation_is_reported_and_further_input_discarded (EngineFixture *fixture, gconstpointer data)
{
  const guint8 unmasked[] = { 0x81, 0x00 };
  Peer *peer = engine_fixture_join (fixture, NULL);
  Peer *other = engine_fixture_join (fixture, NULL);

  engine_fixture_publish (fixture, 0, 10);
  peer_send_text (peer, "good");
  peer_send_bytes (peer, unmasked, sizeof unmasked);
  peer_send_text (peer, "never heard");
  crowd_settle (fixture->crowd);
  peer_expect_message (peer, 0, 10);
  peer_expect_close (peer, WS_CLOSE_PROTOCOL_ERROR, "protocol error");
  peer_expect_end (peer);               /* the server has shut down its sending half */
  peer_send_text (peer, "never heard"); /* the server still reads this and discards it */
  crowd_settle (fixture->crowd);        /* otherwise a reset could discard the close frame */
  g_assert_cmpstr (fixture->closed->str, ==, "");

  peer_hang_up (peer);
  crowd_settle (fixture->crowd);
  g_assert_cmpstr (fixture->messages->str, ==, "good;");
  g_assert_cmpstr (fixture->closed->str, ==, "1:1002;");
  peer_expect_message (other, 0, 10);
  peer_expect_silence (other);
}

static void
violations_are_counted_by_close_code (EngineFixture *fixture, gconstpointer data)
{
  const guint8 too_big[] = { 0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0 };
  Peer *peers[3];

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peers[i] = engine_fixture_join (fixture, NULL);
  peer_send (peers[0], FRAME_TEXT, "\xFF", 1);
  peer_send_bytes (peers[1], too_big, sizeof too_big);
  peer_send_close (peers[2], 1005);
  crowd_settle (fixture->crowd);

  peer_expect_close (peers[0], WS_CLOSE_INVALID_DATA, "text is not UTF-8");
  peer_expect_close (peers[1], WS_CLOSE_TOO_BIG, "message too big");
  peer_expect_close (peers[2], WS_CLOSE_PROTOCOL_ERROR, "bad close frame");
  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peer_hang_up (peers[i]);
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (engine_fixture_count_closed (fixture, 1007), ==, 1);
  g_assert_cmpuint (engine_fixture_count_closed (fixture, 1009), ==, 1);
  g_assert_cmpuint (engine_fixture_count_closed (fixture, 1002), ==, 1);
}

static void
crossing_close_frames_end_the_connection (EngineFixture *fixture, gconstpointer data)
{
  WsClient *client;
  Peer *peer = engine_fixture_join (fixture, &client);

  peer_send_close (peer, WS_CLOSE_GOING_AWAY);
  ws_engine_close (fixture->engine, client, WS_CLOSE_SERVICE_RESTART, "");
  crowd_settle (fixture->crowd);
  peer_expect_close (peer, WS_CLOSE_SERVICE_RESTART, "");
  peer_expect_end (peer);
  g_assert_cmpstr (fixture->closed->str, ==, "1:1012;");
}

/* A client that does not answer is closed: idle, blocked in a message, gone, or still sending. */
static void
close_handshake_times_out_after_5_s (EngineFixture *fixture, gconstpointer data)
{
  WsClient *clients[4];
  Peer *idle = engine_fixture_join (fixture, &clients[0]);
  Peer *stuck = engine_fixture_join_stalled (fixture, &clients[1]);
  Peer *failed = engine_fixture_join (fixture, &clients[2]);
  Peer *talking = engine_fixture_join (fixture, &clients[3]);
  const gint64 begin_us = g_get_monotonic_time ();
  gint64 took_us;

  engine_fixture_publish (fixture, 0, 60000);
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (ws_engine_get_behind (fixture->engine, clients[1]), >, 0);
  peer_send (failed, FRAME_TEXT, "\xFF", 1);
  crowd_settle (fixture->crowd);
  ws_engine_close_all (fixture->engine, WS_CLOSE_SERVICE_RESTART, "");

  while (fixture->closed->len == 0)
    {
      peer_send_text (talking, "still here");
      crowd_wait (fixture->crowd);
      g_assert_cmpint (g_get_monotonic_time () - begin_us, <, 30 * G_USEC_PER_SEC);
    }
  took_us = g_get_monotonic_time () - begin_us;
  CROWD_WAIT_FOR (fixture->crowd, engine_fixture_stats (fixture).clients == 0);

  g_assert_cmpint (took_us, >=, CLOSE_TIMEOUT_US);
  g_assert_true (idle->has_ended);
  g_assert_true (talking->has_ended);
  peer_read (stuck, G_MAXSIZE);
  g_assert_true (stuck->has_ended);
  g_assert_cmpuint (engine_fixture_count_closed (fixture, 1012), ==, 3);
  g_assert_cmpuint (engine_fixture_count_closed (fixture, 1007), ==, 1);
}

static void
client_that_disconnects_without_an_answer_keeps_our_close_code (EngineFixture *fixture,
                                                                gconstpointer data)
{
  WsClient *client;
  Peer *peer = engine_fixture_join (fixture, &client);

  ws_engine_close (fixture->engine, client, 4000, "");
  crowd_settle (fixture->crowd);
  peer_hang_up (peer);
  crowd_settle (fixture->crowd);
  g_assert_cmpstr (fixture->closed->str, ==, "1:4000;");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ENGINE_TEST ("/engine/close", NULL, closed_client_gets_pending_messages_then_the_close_frame);
  ENGINE_TEST ("/engine/close/all", NULL, all_are_closed_at_once);
  ENGINE_TEST ("/engine/close/theirs", NULL, client_that_closes_is_answered_and_disconnected);
  ENGINE_TEST ("/engine/close/half", NULL,
               client_that_half_closes_after_its_close_frame_is_answered);
  ENGINE_TEST ("/engine/close/crossing", NULL, crossing_close_frames_end_the_connection);
  ENGINE_TEST ("/engine/close/unanswered", NULL,
               client_that_disconnects_without_an_answer_keeps_our_close_code);
  ENGINE_TEST ("/engine/close/timeout", NULL, close_handshake_times_out_after_5_s);
  ENGINE_TEST ("/engine/vanish", NULL, client_that_disconnects_without_close_frame_is_abnormal);
  ENGINE_TEST ("/engine/vanish/sending", NULL,
               client_that_disconnects_in_a_message_does_not_affect_others);
  ENGINE_TEST ("/engine/violation", NULL, violation_is_reported_and_further_input_discarded);
  ENGINE_TEST ("/engine/violation/codes", NULL, violations_are_counted_by_close_code);

  return g_test_run ();
}
