/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Pings and their timeout, with short intervals. That nothing is early is asserted to the
 * microsecond; that nothing is late is not asserted, as the machine may be busy. */

#include "engine-fixture.h"

#define INTERVAL_US (150 * 1000)
#define TIMEOUT_US  (100 * 1000)

static const WsEngineOptions with_pings = { .log_size = 1 << 20,
                                            .max_message = 1 << 16,
                                            .max_clients = 10,
                                            .ping_interval_us = INTERVAL_US,
                                            .ping_timeout_us = TIMEOUT_US };

static void
silent_client_is_pinged_then_closed (EngineFixture *fixture, gconstpointer data)
{
  const gint64 begin_us = g_get_monotonic_time ();
  Peer *peer = engine_fixture_join (fixture, NULL);
  gint64 pinged_us;

  CROWD_WAIT_FOR (fixture->crowd, peer->in->len > 0);
  pinged_us = g_get_monotonic_time ();
  peer_expect (peer, FRAME_PING, NULL, 0);
  g_assert_cmpint (pinged_us - begin_us, >=, INTERVAL_US);

  CROWD_WAIT_FOR (fixture->crowd, peer->has_ended);
  g_assert_cmpint (g_get_monotonic_time () - begin_us, >=, INTERVAL_US + TIMEOUT_US);
  peer_expect_close (peer, WS_CLOSE_INTERNAL_ERROR, "ping timeout");
  peer_expect_end (peer);
  g_assert_cmpstr (fixture->closed->str, ==, "1:1011;");
  g_assert_cmpuint (engine_fixture_count_closed (fixture, 1011), ==, 1);
}

static void
pending_messages_come_before_the_ping_timeout (EngineFixture *fixture, gconstpointer data)
{
  Peer *peer = engine_fixture_join (fixture, NULL);

  CROWD_WAIT_FOR (fixture->crowd, peer->in->len > 0);
  engine_fixture_publish (fixture, 0, 100);
  CROWD_WAIT_FOR (fixture->crowd, peer->has_ended);
  peer_expect (peer, FRAME_PING, NULL, 0);
  peer_expect_message (peer, 0, 100);
  peer_expect_close (peer, WS_CLOSE_INTERNAL_ERROR, "ping timeout");
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->delivered, ==, 1);
}

static void
client_that_answers_stays (EngineFixture *fixture, gconstpointer data)
{
  gint64 heard_us = g_get_monotonic_time (); /* lower bound */
  Peer *peer = engine_fixture_join (fixture, NULL);

  for (guint i = 0; i < 4; i++)
    {
      CROWD_WAIT_FOR (fixture->crowd, peer->in->len > 0);
      g_assert_cmpint (g_get_monotonic_time () - heard_us, >=, INTERVAL_US);
      peer_expect (peer, FRAME_PING, NULL, 0);
      peer_expect_silence (peer);
      heard_us = g_get_monotonic_time ();
      peer_send (peer, FRAME_PONG, NULL, 0);
      crowd_settle (fixture->crowd);
    }
  g_assert_cmpstr (fixture->closed->str, ==, "");
}

/* The server does not run until after the timeout. */
static void
unread_answer_counts (EngineFixture *fixture, gconstpointer data)
{
  Peer *peer = engine_fixture_join (fixture, NULL);

  CROWD_WAIT_FOR (fixture->crowd, peer->in->len > 0);
  peer_expect (peer, FRAME_PING, NULL, 0);
  peer_send (peer, FRAME_PONG, NULL, 0);
  g_usleep (2 * TIMEOUT_US);
  crowd_settle (fixture->crowd);
  g_assert_cmpstr (fixture->closed->str, ==, "");
  peer_expect_silence (peer);
}

/* Any part of a message resets the timeout, like a pong. */
static void
any_byte_resets_the_ping_timeout (EngineFixture *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  Peer *peer = engine_fixture_join (fixture, NULL);

  frame_append (bytes, FRAME_FIN | FRAME_TEXT, "x", 1);
  for (guint i = 0; i < bytes->len; i++)
    {
      CROWD_WAIT_FOR (fixture->crowd, peer->in->len > 0);
      peer_expect (peer, FRAME_PING, NULL, 0);
      peer_send_bytes (peer, bytes->data + i, 1);
    }
  crowd_settle (fixture->crowd);
  g_assert_cmpstr (fixture->messages->str, ==, "x;");
  g_assert_cmpstr (fixture->closed->str, ==, "");
}

static void
client_that_sends_is_not_pinged (EngineFixture *fixture, gconstpointer data)
{
  Peer *peer = engine_fixture_join (fixture, NULL);
  Peer *silent = engine_fixture_join (fixture, NULL);

  while (silent->in->len == 0)
    {
      peer_send (peer, FRAME_PONG, "unasked", 7);
      crowd_wait (fixture->crowd);
    }
  peer_expect_silence (peer);
}

/* A ping cannot be sent; the kernel's TCP_USER_TIMEOUT applies instead. */
static void
blocked_client_is_not_pinged (EngineFixture *fixture, gconstpointer data)
{
  WsClient *client;
  Peer *stalled = engine_fixture_join_stalled (fixture, &client);
  Peer *silent = engine_fixture_join (fixture, NULL);

  engine_fixture_publish (fixture, 0, 60000);
  crowd_settle (fixture->crowd);
  peer_expect_message (silent, 0, 60000);
  CROWD_WAIT_FOR (fixture->crowd, silent->has_ended);
  g_assert_cmpstr (fixture->closed->str, ==, "2:1011;");
  g_assert_cmpuint (ws_engine_get_behind (fixture->engine, client), >, 0);

  stalled->is_stalled = FALSE; /* a ping is sent when the client reads again */
  CROWD_WAIT_FOR (fixture->crowd, stalled->has_ended);
  peer_expect_message (stalled, 0, 60000);
  peer_expect (stalled, FRAME_PING, NULL, 0);
  peer_expect_close (stalled, WS_CLOSE_INTERNAL_ERROR, "ping timeout");
  g_assert_cmpstr (fixture->closed->str, ==, "2:1011;1:1011;");
}

/* Adds a stalled client whose socket is exactly full, so that the client is not blocked.
 * Returns: (transfer none): its peer. */
static Peer *
join_with_full_socket (EngineFixture *fixture, WsClient **client)
{
  WsClient *probe;
  guint64 number = 0;
  guint64 fitting;

  engine_fixture_join_stalled (fixture, &probe);
  for (; ws_engine_get_behind (fixture->engine, probe) == 0; number++)
    {
      engine_fixture_publish (fixture, number, 100);
      crowd_settle (fixture->crowd);
    }
  fitting = number - 1;

  *client = NULL;
  for (Peer *peer = engine_fixture_join_stalled (fixture, client);; number++)
    {
      if (fitting-- == 0)
        return peer;
      engine_fixture_publish (fixture, number, 100);
      crowd_settle (fixture->crowd);
    }
}

/* The timeout runs from the time the ping is written, not from the time it is queued. */
static void
ping_behind_a_full_socket_has_its_whole_timeout (EngineFixture *fixture, gconstpointer data)
{
  WsClient *client;
  Peer *peer = join_with_full_socket (fixture, &client);
  gint64 unblocked_us;

  g_assert_cmpuint (ws_engine_get_behind (fixture->engine, client), ==, 0);
  CROWD_WAIT_FOR (fixture->crowd, (client->record->flags & WS_RECORD_BLOCKED) != 0);
  for (const gint64 begin_us = g_get_monotonic_time ();
       g_get_monotonic_time () - begin_us < 2 * TIMEOUT_US + TIMEOUT_US / 2;)
    crowd_wait (fixture->crowd);
  g_assert_cmpstr (fixture->closed->str, ==, "");

  unblocked_us = g_get_monotonic_time ();
  peer->is_stalled = FALSE;
  CROWD_WAIT_FOR (fixture->crowd, peer->has_ended);
  g_assert_cmpint (g_get_monotonic_time () - unblocked_us, >=, TIMEOUT_US);
  g_assert_cmpstr (fixture->closed->str, ==, "2:1011;");
}

static void
closing_client_is_not_pinged (EngineFixture *fixture, gconstpointer data)
{
  WsClient *client;
  Peer *closing = engine_fixture_join (fixture, &client);
  Peer *silent = engine_fixture_join (fixture, NULL);

  ws_engine_close (fixture->engine, client, WS_CLOSE_NORMAL, "");
  CROWD_WAIT_FOR (fixture->crowd, silent->has_ended);
  peer_expect_close (closing, WS_CLOSE_NORMAL, "");
  peer_expect_silence (closing);
  peer_send_close (closing, WS_CLOSE_NORMAL);
  crowd_settle (fixture->crowd);
  g_assert_cmpstr (fixture->closed->str, ==, "2:1011;1:1000;");
}

static gboolean
on_time_over (gpointer user_data)
{
  gboolean *is_over = user_data;

  *is_over = TRUE;
  return G_SOURCE_REMOVE;
}

/* @data: options without ping interval */
static void
no_client_is_pinged_if_pings_are_off (EngineFixture *fixture, gconstpointer data)
{
  g_autoptr (GSource) timer = g_timeout_source_new (3 * TIMEOUT_US / 1000);
  Peer *peer = engine_fixture_join (fixture, NULL);
  gboolean is_over = FALSE;

  g_source_set_callback (timer, on_time_over, &is_over, NULL);
  g_source_attach (timer, fixture->crowd->context);
  CROWD_WAIT_FOR (fixture->crowd, is_over);
  peer_expect_silence (peer);
}

static const WsEngineOptions without_pings = { .log_size = 1 << 20,
                                               .max_message = 1 << 16,
                                               .max_clients = 10,
                                               .ping_interval_us = 0,
                                               .ping_timeout_us = TIMEOUT_US };

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ENGINE_TEST ("/engine/ping", &with_pings, silent_client_is_pinged_then_closed);
  ENGINE_TEST ("/engine/ping/pending", &with_pings, pending_messages_come_before_the_ping_timeout);
  ENGINE_TEST ("/engine/ping/pong", &with_pings, client_that_answers_stays);
  ENGINE_TEST ("/engine/ping/any", &with_pings, any_byte_resets_the_ping_timeout);
  ENGINE_TEST ("/engine/ping/sending", &with_pings, client_that_sends_is_not_pinged);
  ENGINE_TEST ("/engine/ping/blocked", &with_pings, blocked_client_is_not_pinged);
  ENGINE_TEST ("/engine/ping/full-socket", &with_pings,
               ping_behind_a_full_socket_has_its_whole_timeout);
  ENGINE_TEST ("/engine/ping/closing", &with_pings, closing_client_is_not_pinged);
  ENGINE_TEST ("/engine/ping/unread", &with_pings, unread_answer_counts);
  ENGINE_TEST ("/engine/ping/off", &without_pings, no_client_is_pinged_if_pings_are_off);

  return g_test_run ();
}
