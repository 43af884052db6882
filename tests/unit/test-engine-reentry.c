/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Callbacks of the engine that call functions of the engine. */

#include <string.h>

#include "engine-fixture.h"

#define LOG_SIZE    (1 << 16)
#define MAX_MESSAGE (LOG_SIZE / 8)

static const WsEngineOptions small_log
  = { .log_size = LOG_SIZE, .max_message = MAX_MESSAGE, .max_clients = 300 };

static void
close_sender (EngineFixture *fixture, WsClient *client, const guint8 *data, gsize size)
{
  ws_engine_publish (fixture->engine, WS_OPCODE_TEXT, data, size);
  ws_engine_close (fixture->engine, client, WS_CLOSE_POLICY_VIOLATION, "enough");
  ws_engine_publish (fixture->engine, WS_OPCODE_TEXT, data, size);
}

static void
client_may_be_closed_from_its_own_message (EngineFixture *fixture, gconstpointer data)
{
  Peer *peer = engine_fixture_join (fixture, NULL);
  Peer *other = engine_fixture_join (fixture, NULL);

  fixture->on_message = close_sender;
  peer_send_text (peer, "x");
  peer_send_close (peer, WS_CLOSE_NORMAL);
  peer_send_text (peer, "behind");
  crowd_settle (fixture->crowd);

  peer_expect_text (peer, "x"); /* before the close frame */
  peer_expect_close (peer, WS_CLOSE_POLICY_VIOLATION, "enough");
  peer_expect_end (peer);
  peer_expect_text (other, "x");
  peer_expect_text (other, "x");
  peer_expect_silence (other);
  g_assert_cmpstr (fixture->messages->str, ==, "x;");
  g_assert_cmpstr (fixture->closed->str, ==, "1:1008;");
}

/* Sending the close frame fails, so the client is dropped while its input is handled. */
static void
input_of_a_sender_dropped_in_its_own_message_is_discarded (EngineFixture *fixture,
                                                           gconstpointer data)
{
  Peer *peer = engine_fixture_join (fixture, NULL);
  Peer *other = engine_fixture_join (fixture, NULL);

  fixture->on_message = close_sender;
  peer_send_text (peer, "x");
  peer_send_text (peer, "y");
  peer_hang_up (peer);
  crowd_settle (fixture->crowd);

  g_assert_cmpstr (fixture->messages->str, ==, "x;");
  g_assert_cmpstr (fixture->closed->str, ==, "1:1008;");
  peer_expect_text (other, "x");
  peer_expect_text (other, "x");
  peer_expect_silence (other);
}

static void
close_all_others (EngineFixture *fixture, WsClient *client, const guint8 *data, gsize size)
{
  ws_engine_close_all (fixture->engine, WS_CLOSE_GOING_AWAY, "");
}

/* All clients send in the same turn; the first message closes all of them. */
static void
all_clients_may_be_closed_from_a_message (EngineFixture *fixture, gconstpointer data)
{
  Peer *peers[100];

  fixture->on_message = close_all_others;
  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peers[i] = engine_fixture_join (fixture, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    {
      peer_send_text (peers[i], "x");
      peer_send_close (peers[i], WS_CLOSE_NORMAL);
      if (i % 3 == 0)
        peer_hang_up (peers[i]);
    }
  crowd_settle (fixture->crowd);

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    if (i % 3 != 0)
      {
        peer_expect_close (peers[i], WS_CLOSE_GOING_AWAY, "");
        peer_expect_end (peers[i]);
      }
  g_assert_cmpuint (engine_fixture_count_closed (fixture, 1001), ==, G_N_ELEMENTS (peers));
  g_assert_cmpuint (engine_fixture_stats (fixture).clients, ==, 0);
}

/* Functions of the engine never call the closed callback, as callers may hold clients. */
static void
closed_callback_runs_at_the_end_of_a_turn (EngineFixture *fixture, gconstpointer data)
{
  WsClient *client;
  Peer *peer = engine_fixture_join (fixture, &client);

  engine_fixture_join (fixture, NULL);
  crowd_settle (fixture->crowd);
  peer_hang_up (peer);
  ws_engine_close_all (fixture->engine, WS_CLOSE_NORMAL, "");
  for (guint i = 0; i < 100; i++)
    engine_fixture_publish (fixture, i, MAX_MESSAGE);
  ws_engine_close (fixture->engine, client, WS_CLOSE_NORMAL, "");
  g_assert_cmpstr (fixture->closed->str, ==, "");
  g_assert_cmpuint (ws_engine_get_behind (fixture->engine, client), ==, 0);
  crowd_settle (fixture->crowd);
  g_assert_cmpstr (fixture->closed->str, ==, "1:1000;");
}

static void
publish_departure (EngineFixture *fixture, WsClient *client)
{
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT " left", client->id);

  ws_engine_close (fixture->engine, client, WS_CLOSE_NORMAL, "no effect");
  ws_engine_publish (fixture->engine, WS_OPCODE_TEXT, (const guint8 *) text, strlen (text));
}

static void
messages_may_be_published_from_closed (EngineFixture *fixture, gconstpointer data)
{
  Peer *peers[4];

  fixture->on_closed = publish_departure;
  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peers[i] = engine_fixture_join (fixture, NULL);
  peer_hang_up (peers[0]);
  crowd_settle (fixture->crowd);
  peer_send_close (peers[2], WS_CLOSE_NORMAL);
  crowd_settle (fixture->crowd);

  peer_expect_text (peers[2], "1 left");
  peer_expect_close (peers[2], WS_CLOSE_NORMAL, "");
  peer_expect_end (peers[2]);
  for (guint i = 1; i < G_N_ELEMENTS (peers); i += 2)
    {
      peer_expect_text (peers[i], "1 left");
      peer_expect_text (peers[i], "3 left");
      peer_expect_silence (peers[i]);
    }
}

static void
adopt_next (EngineFixture *fixture, WsClient *client)
{
  if (client->id < 50)
    peer_hang_up (engine_fixture_join (fixture, NULL));
}

static void
clients_may_be_adopted_from_closed (EngineFixture *fixture, gconstpointer data)
{
  fixture->on_closed = adopt_next;
  peer_hang_up (engine_fixture_join (fixture, NULL));
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->accepted, ==, 50);
  g_assert_cmpuint (engine_fixture_count_closed (fixture, 1006), ==, 50);
  g_assert_cmpuint (engine_fixture_stats (fixture).clients, ==, 0);
}

static void
publish_much (EngineFixture *fixture, WsClient *client)
{
  guint64 *number = fixture->test_data;

  for (guint i = 0; i < 3; i++)
    engine_fixture_publish (fixture, (*number)++, MAX_MESSAGE);
}

/* Asserts that @peer got messages 0 … @count - 1, each whole and once, in any order. */
static void
expect_all (Peer *peer, guint64 count)
{
  g_autofree gboolean *seen = g_new0 (gboolean, count);
  guint64 n_seen = 0;
  Frame frame;

  for (; frame_read (peer->in, &frame); n_seen++)
    {
      guint64 number = 0;

      g_assert_cmphex (frame.opcode, ==, FRAME_BINARY);
      for (; number < count; number++)
        {
          g_autoptr (GBytes) payload = make_payload (number, MAX_MESSAGE);

          if (memcmp (frame.payload, g_bytes_get_data (payload, NULL), MAX_MESSAGE) == 0)
            break;
        }
      g_assert_cmpuint (number, <, count);
      g_assert_false (seen[number]);
      seen[number] = TRUE;
      g_byte_array_remove_range (peer->in, 0, frame.header_size + frame.size);
    }
  peer_expect_silence (peer);
  g_assert_cmpuint (n_seen, ==, count);
}

/* An append drops a client, and the closed callback appends another message: the space that was
 * prepared for the first append is then too small. */
static void
publishing_from_closed_within_an_append_overwrites_nothing (EngineFixture *fixture,
                                                            gconstpointer data)
{
  guint64 number = 0;
  Peer *gone[5];
  Peer *stalled[5];
  Peer *awake[5];

  fixture->test_data = &number;
  fixture->on_closed = publish_much;
  for (guint i = 0; i < G_N_ELEMENTS (gone); i++)
    {
      awake[i] = engine_fixture_join (fixture, NULL);
      gone[i] = engine_fixture_join_stalled (fixture, NULL);
      stalled[i] = engine_fixture_join_stalled (fixture, NULL);
    }
  engine_fixture_publish (fixture, number++, MAX_MESSAGE);
  crowd_settle (fixture->crowd); /* stalled clients are now blocked in this message */
  for (guint i = 0; i < G_N_ELEMENTS (gone); i++)
    peer_hang_up (gone[i]);
  for (guint i = 0; i < 40; i++)
    {
      engine_fixture_publish (fixture, number++, MAX_MESSAGE);
      for (guint k = 0; k < G_N_ELEMENTS (awake); k++)
        peer_read (awake[k], G_MAXSIZE);
    }
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (engine_fixture_count_closed (fixture, 1006), ==, G_N_ELEMENTS (gone));

  for (guint i = 0; i < G_N_ELEMENTS (awake); i++)
    expect_all (awake[i], number);
  for (guint i = 0; i < G_N_ELEMENTS (stalled); i++)
    {
      stalled[i]->is_stalled = FALSE;
      crowd_settle (fixture->crowd);
      peer_expect_message (stalled[i], 0, MAX_MESSAGE);
      peer_expect_close (stalled[i], WS_CLOSE_TRY_AGAIN_LATER, "too slow");
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ENGINE_TEST ("/engine/re-entry/close", NULL, client_may_be_closed_from_its_own_message);
  ENGINE_TEST ("/engine/re-entry/drop", NULL,
               input_of_a_sender_dropped_in_its_own_message_is_discarded);
  ENGINE_TEST ("/engine/re-entry/close-all", NULL, all_clients_may_be_closed_from_a_message);
  ENGINE_TEST ("/engine/re-entry/end-of-turn", &small_log,
               closed_callback_runs_at_the_end_of_a_turn);
  ENGINE_TEST ("/engine/re-entry/closed", NULL, messages_may_be_published_from_closed);
  ENGINE_TEST ("/engine/re-entry/adopt", NULL, clients_may_be_adopted_from_closed);
  ENGINE_TEST ("/engine/re-entry/append", &small_log,
               publishing_from_closed_within_an_append_overwrites_nothing);

  return g_test_run ();
}
