/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* An engine ends, and another one goes on: whatever a client was in the middle of, it sees no seam.
 * The rest that may come of it, at random, is test-handover-model's. */

#include <string.h>

#include "descriptors.h"
#include "handover-fixture.h"

#define LOG_SIZE (1 << 16)

static const WsEngineOptions small_log
  = { .log_size = LOG_SIZE, .max_message = LOG_SIZE / 8, .max_clients = 100 };

static void
crowd_goes_on_with_all_that_it_was (EngineFixture *fixture, gconstpointer data)
{
  Peer *peers[20];
  WsCounters counters;
  WsRecord record;

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peers[i] = engine_fixture_join (fixture, NULL);
  peer_send_text (peers[7], "hello");
  engine_fixture_publish (fixture, 0, 100);
  crowd_settle (fixture->crowd);
  counters = *engine_fixture_stats (fixture).counters;
  record = *handover_find_client (fixture, 8)->record;

  handover_carry_out (fixture, NULL);
  g_assert_cmpmem (engine_fixture_stats (fixture).counters, sizeof counters, &counters,
                   sizeof counters);
  record.fd = handover_find_client (fixture, 8)->record->fd;
  g_assert_cmpmem (handover_find_client (fixture, 8)->record, sizeof record, &record,
                   sizeof record);

  engine_fixture_publish (fixture, 1, 100);
  peer_send_text (peers[7], "again");
  crowd_settle (fixture->crowd);
  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    g_assert_cmpuint (engine_fixture_take (peers[i], 0, 100), ==, 2);
  g_assert_cmpstr (fixture->messages->str, ==, "hello;again;");
  g_assert_cmpstr (fixture->closed->str, ==, "");
  engine_fixture_join (fixture, NULL);
  g_assert_nonnull (handover_find_client (fixture, G_N_ELEMENTS (peers) + 1)); /* no id twice */
}

static void
ids_of_messages_go_on (EngineFixture *fixture, gconstpointer data)
{
  const WsId before = ws_engine_publish (fixture->engine, WS_OPCODE_TEXT, NULL, 0);
  WsId after;

  handover_carry_out (fixture, NULL);
  after = ws_engine_publish (fixture->engine, WS_OPCODE_TEXT, NULL, 0);
  g_assert_true (after.ms > before.ms || (after.ms == before.ms && after.seq > before.seq));
  g_assert_cmpuint (engine_fixture_stats (fixture).published, ==, 2);
}

static gsize
pack_size (EngineFixture *fixture)
{
  g_autoptr (WsHandover) handover = NULL;

  ws_engine_pause (fixture->engine);
  handover = ws_engine_pack (fixture->engine);
  ws_engine_resume (fixture->engine);
  return g_variant_get_size (handover->state);
}

/* What costs time is what is written down: nothing, however many there are. */
static void
steady_state_is_not_written_down (EngineFixture *fixture, gconstpointer data)
{
  const gsize of_none = pack_size (fixture);
  Peer *peer = NULL;

  for (guint i = 0; i < 500; i++)
    peer = engine_fixture_join (fixture, NULL);
  engine_fixture_publish (fixture, 0, 100);
  peer_send_text (peer, "hello");
  peer_send (peer, FRAME_PING, NULL, 0);
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (pack_size (fixture), ==, of_none);

  peer_send_bytes (peer, "\x81", 1);
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (pack_size (fixture), >, of_none);
}

/* Sends @bytes in two pieces, with a hand-over between them, for each place to cut them. */
static void
cut_at_each_byte (EngineFixture *fixture, const GByteArray *bytes, const char *expected)
{
  Peer *peer = engine_fixture_join (fixture, NULL);

  for (guint cut = 0; cut <= bytes->len; cut++)
    {
      g_string_truncate (fixture->messages, 0);
      if (cut > 0)
        peer_send_bytes (peer, bytes->data, cut);
      crowd_settle (fixture->crowd);
      handover_carry_out (fixture, NULL);
      if (cut < bytes->len)
        peer_send_bytes (peer, bytes->data + cut, bytes->len - cut);
      crowd_settle (fixture->crowd);
      g_assert_cmpstr (fixture->messages->str, ==, expected);
    }
  g_assert_cmpstr (fixture->closed->str, ==, "");
}

static void
half_a_frame_is_completed (EngineFixture *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  frame_append (bytes, FRAME_FIN | FRAME_TEXT, "grüße 🛰", strlen ("grüße 🛰"));
  cut_at_each_byte (fixture, bytes, "grüße 🛰;");
}

static void
half_a_message_is_completed (EngineFixture *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  frame_append (bytes, FRAME_TEXT, "gr\xC3", 3); /* half a character */
  frame_append (bytes, FRAME_FIN | FRAME_PONG, "between", 7);
  frame_append (bytes, FRAME_CONTINUATION, "", 0);
  frame_append (bytes, FRAME_CONTINUATION, "\xBC\xC3\x9F", 3);
  frame_append (bytes, FRAME_FIN | FRAME_CONTINUATION, "e", 1);
  cut_at_each_byte (fixture, bytes, "grüße;");
}

static void
half_a_character_must_go_on (EngineFixture *fixture, gconstpointer data)
{
  Peer *peer = engine_fixture_join (fixture, NULL);

  peer_send_bytes (peer, "\x01\x81\0\0\0\0\xC3", 7);
  crowd_settle (fixture->crowd);
  handover_carry_out (fixture, NULL);
  peer_send_bytes (peer, "\x80\x81\0\0\0\0x", 7);
  crowd_settle (fixture->crowd);
  peer_expect_close (peer, WS_CLOSE_INVALID_DATA, "text is not UTF-8");
}

static void
message_that_is_stuck_goes_on_at_the_right_byte (EngineFixture *fixture, gconstpointer data)
{
  Peer *stalled = engine_fixture_join_stalled (fixture, NULL);

  for (guint i = 0; i < 10; i++)
    engine_fixture_publish (fixture, i, 8000);
  crowd_settle (fixture->crowd);
  for (guint i = 0; i < 20; i++)
    {
      handover_carry_out (fixture, NULL);
      crowd_settle (fixture->crowd);
      peer_read (stalled, 3001);
      crowd_settle (fixture->crowd);
    }
  stalled->is_stalled = FALSE;
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (engine_fixture_take (stalled, 0, 8000), ==, 10);
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->delivered, ==, 10);
}

/* The pongs wait for the boundary, then for the socket. */
static void
pongs_come_once_and_in_their_place (EngineFixture *fixture, gconstpointer data)
{
  g_autofree char *text = g_strnfill (WS_CONTROL_PAYLOAD_MAX, 'p');
  Peer *stalled = engine_fixture_join_stalled (fixture, NULL);

  engine_fixture_publish (fixture, 0, 8000);
  engine_fixture_publish (fixture, 1, 8000);
  crowd_settle (fixture->crowd);
  for (guint i = 0; i < 3; i++)
    {
      text[0] = '0' + i;
      peer_send (stalled, FRAME_PING, text, strlen (text));
    }
  crowd_settle (fixture->crowd);
  while (stalled->in->len < 2 * 8004 + 3 * 127)
    {
      handover_carry_out (fixture, NULL);
      peer_read (stalled, 50);
      crowd_settle (fixture->crowd);
    }
  peer_expect_message (stalled, 0, 8000);
  for (guint i = 0; i < 3; i++)
    {
      text[0] = '0' + i;
      peer_expect (stalled, FRAME_PONG, text, strlen (text));
    }
  peer_expect_message (stalled, 1, 8000);
  peer_expect_silence (stalled);
}

static void
close_handshake_is_completed (EngineFixture *fixture, gconstpointer data)
{
  Peer *peer = engine_fixture_join (fixture, NULL);
  Peer *answers = engine_fixture_join (fixture, NULL);

  engine_fixture_publish (fixture, 0, 100);
  ws_engine_close (fixture->engine, handover_find_client (fixture, 1), WS_CLOSE_SERVICE_RESTART,
                   "bye");
  peer_send_close (answers, WS_CLOSE_NORMAL);
  handover_carry_out (fixture, NULL); /* nothing has gone out yet */
  crowd_settle (fixture->crowd);
  peer_expect_message (peer, 0, 100);
  peer_expect_close (peer, WS_CLOSE_SERVICE_RESTART, "bye");
  g_assert_cmpstr (fixture->closed->str, ==, "2:1000;");

  handover_carry_out (fixture, NULL); /* the answer is still to come */
  g_assert_true (handover_find_client (fixture, 1)->is_ours);
  engine_fixture_publish (fixture, 1, 100);
  crowd_settle (fixture->crowd);
  peer_expect_silence (peer);
  peer_send_close (peer, WS_CLOSE_SERVICE_RESTART);
  crowd_settle (fixture->crowd);
  peer_expect_end (peer);
  g_assert_cmpstr (fixture->closed->str, ==, "2:1000;1:1012;");
  g_assert_cmpuint (engine_fixture_count_closed (fixture, WS_CLOSE_SERVICE_RESTART), ==, 1);
}

/* However often the service restarts, who does not answer is cut off in time. */
static void
close_handshake_keeps_its_deadline (EngineFixture *fixture, gconstpointer data)
{
  const gint64 begin_us = g_get_monotonic_time ();
  Peer *silent = engine_fixture_join (fixture, NULL);
  gint64 moved_us;

  ws_engine_close (fixture->engine, handover_find_client (fixture, 1), WS_CLOSE_NORMAL, NULL);
  CROWD_WAIT_FOR (fixture->crowd, g_get_monotonic_time () - begin_us > G_USEC_PER_SEC);
  while (!silent->has_ended)
    {
      moved_us = g_get_monotonic_time ();
      handover_carry_out (fixture, NULL);
      CROWD_WAIT_FOR (fixture->crowd,
                      silent->has_ended || g_get_monotonic_time () - moved_us > 500 * 1000);
    }
  g_assert_cmpint (g_get_monotonic_time () - begin_us, >=, 5 * G_USEC_PER_SEC);
  g_assert_cmpint (g_get_monotonic_time () - begin_us, <, 50 * G_USEC_PER_SEC);
  g_assert_cmpstr (fixture->closed->str, ==, "1:1000;");
}

static void
evicted_client_gets_the_rest_of_its_message (EngineFixture *fixture, gconstpointer data)
{
  Peer *stalled = engine_fixture_join_stalled (fixture, NULL);
  guint64 number = 0;
  Frame frame;

  for (guint i = 0; i < 3 * LOG_SIZE / 8000; i++)
    engine_fixture_publish (fixture, i, 8000);
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->slow_closed, ==, 1);

  for (guint i = 0; i < 20; i++)
    {
      handover_carry_out (fixture, NULL);
      peer_read (stalled, 1000);
      crowd_settle (fixture->crowd);
    }
  stalled->is_stalled = FALSE;
  crowd_settle (fixture->crowd);
  while (frame_read (stalled->in, &frame) && frame.opcode == FRAME_BINARY)
    peer_expect_message (stalled, number++, 8000);
  peer_expect_close (stalled, WS_CLOSE_TRY_AGAIN_LATER, "too slow");
  g_assert_cmpuint (number, >, 0);
}

static void
client_that_broke_the_rules_is_heard_no_more (EngineFixture *fixture, gconstpointer data)
{
  Peer *peer = engine_fixture_join (fixture, NULL);

  peer_send_bytes (peer, "\xFF\xFF", 2);
  crowd_settle (fixture->crowd);
  peer_expect_close (peer, WS_CLOSE_PROTOCOL_ERROR, "protocol error");
  handover_carry_out (fixture, NULL);
  peer_send_text (peer, "sorry");
  crowd_settle (fixture->crowd);
  g_assert_cmpstr (fixture->messages->str, ==, "");
  peer_hang_up (peer);
  crowd_settle (fixture->crowd);
  g_assert_cmpstr (fixture->closed->str, ==, "1:1002;");
}

/* Bytes that came, and room that was made, while nobody looked. */
static void
what_happened_in_between_is_seen_afterwards (EngineFixture *fixture, gconstpointer data)
{
  const gboolean turns_back = GPOINTER_TO_INT (fixture->test_data);
  Peer *talks = engine_fixture_join (fixture, NULL);
  Peer *stalled = engine_fixture_join_stalled (fixture, NULL);
  Peer *leaves = engine_fixture_join (fixture, NULL);
  WsHandover *handover;
  WsEngine *engine;

  for (guint i = 0; i < 10; i++)
    engine_fixture_publish (fixture, i, 8000);
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (engine_fixture_take (talks, 0, 8000), ==, 10);

  ws_engine_pause (fixture->engine);
  peer_send_text (talks, "hello");
  stalled->is_stalled = FALSE;
  peer_read (stalled, G_MAXSIZE);
  peer_hang_up (leaves);
  crowd_settle (fixture->crowd); /* nothing stirs */
  g_assert_cmpuint (fixture->messages->len + fixture->closed->len, ==, 0);

  handover = handover_receive (fixture);
  engine = engine_fixture_new_from (fixture, handover, ws_engine_get_options (fixture->engine),
                                    NULL);
  handover_discard (handover);
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (fixture->messages->len + fixture->closed->len, ==, 0);
  if (turns_back)
    {
      ws_engine_free (engine);
      ws_engine_resume (fixture->engine);
    }
  else
    {
      ws_engine_free (fixture->engine);
      fixture->engine = engine;
      ws_engine_attach (engine, fixture->crowd->context);
      ws_engine_resume (engine);
    }

  crowd_settle (fixture->crowd);
  g_assert_cmpstr (fixture->messages->str, ==, "hello;");
  g_assert_cmpstr (fixture->closed->str, ==, "3:1006;");
  g_assert_cmpuint (engine_fixture_take (stalled, 0, 8000), ==, 10);
  peer_expect_silence (talks);
}

static void
what_happened_in_between_is_seen_on_the_way_back (EngineFixture *fixture, gconstpointer data)
{
  fixture->test_data = GINT_TO_POINTER (TRUE);
  what_happened_in_between_is_seen_afterwards (fixture, data);
}

/* To watch them takes longer than all else, and can wait. */
static void
sockets_are_watched_only_afterwards (EngineFixture *fixture, gconstpointer data)
{
  const guint clients = 20;
  WsHandover *handover;
  WsEngine *engine;

  for (guint i = 0; i < clients; i++)
    engine_fixture_join (fixture, NULL);
  ws_engine_pause (fixture->engine);
  handover = handover_receive (fixture);
  engine = engine_fixture_new_from (fixture, handover, ws_engine_get_options (fixture->engine),
                                    NULL);
  handover_discard (handover);
  ws_engine_free (fixture->engine);
  fixture->engine = engine;
  g_assert_cmpuint (descriptors_count_watched (), ==, 0);
  ws_engine_attach (engine, fixture->crowd->context);
  ws_engine_resume (engine);
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (descriptors_count_watched (), ==, clients);
}

/* Dropped by an append, and not told of yet. */
static void
who_is_dead_is_buried_before (EngineFixture *fixture, gconstpointer data)
{
  Peer *stalled = engine_fixture_join_stalled (fixture, NULL);
  Peer *stays = engine_fixture_join (fixture, NULL);
  guint64 number = 0;

  for (; number < 4; number++)
    engine_fixture_publish (fixture, number, 8000);
  crowd_settle (fixture->crowd);
  peer_hang_up (stalled);
  for (; number < 20; number++)
    engine_fixture_publish (fixture, number, 8000);
  g_assert_cmpstr (fixture->closed->str, ==, "");
  g_assert_cmpuint (engine_fixture_stats (fixture).clients, ==, 2);

  handover_carry_out (fixture, NULL);
  g_assert_cmpstr (fixture->closed->str, ==, "1:1006;");
  g_assert_cmpuint (engine_fixture_stats (fixture).clients, ==, 1);
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (engine_fixture_take (stays, 0, 8000), ==, number);
}

/* Left with thousands of messages to read, in the middle of a pass. */
static void
clients_that_were_not_read_to_the_end_are (EngineFixture *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  const guint count = 4000;
  Peer *peer = engine_fixture_join (fixture, NULL);
  guint turns = 0;

  for (guint i = 0; i < count; i++)
    frame_append (bytes, FRAME_FIN | FRAME_TEXT, "x", 1);
  peer_send_bytes (peer, bytes->data, bytes->len);
  while (fixture->messages->len < 2 * count && turns++ < count)
    {
      handover_carry_out (fixture, NULL);
      g_main_context_iteration (fixture->crowd->context, FALSE);
    }
  g_assert_cmpuint (fixture->messages->len, ==, 2 * count);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ENGINE_TEST ("/handover/crowd", &small_log, crowd_goes_on_with_all_that_it_was);
  ENGINE_TEST ("/handover/ids", &small_log, ids_of_messages_go_on);
  ENGINE_TEST ("/handover/steady", NULL, steady_state_is_not_written_down);
  ENGINE_TEST ("/handover/in/frame", &small_log, half_a_frame_is_completed);
  ENGINE_TEST ("/handover/in/message", &small_log, half_a_message_is_completed);
  ENGINE_TEST ("/handover/in/character", &small_log, half_a_character_must_go_on);
  ENGINE_TEST ("/handover/in/many", &small_log, clients_that_were_not_read_to_the_end_are);
  ENGINE_TEST ("/handover/out/message", NULL, message_that_is_stuck_goes_on_at_the_right_byte);
  ENGINE_TEST ("/handover/out/pong", NULL, pongs_come_once_and_in_their_place);
  ENGINE_TEST ("/handover/close", &small_log, close_handshake_is_completed);
  ENGINE_TEST ("/handover/close/deadline", &small_log, close_handshake_keeps_its_deadline);
  ENGINE_TEST ("/handover/close/evicted", &small_log, evicted_client_gets_the_rest_of_its_message);
  ENGINE_TEST ("/handover/close/failed", &small_log, client_that_broke_the_rules_is_heard_no_more);
  ENGINE_TEST ("/handover/between", NULL, what_happened_in_between_is_seen_afterwards);
  ENGINE_TEST ("/handover/between/back", NULL, what_happened_in_between_is_seen_on_the_way_back);
  ENGINE_TEST ("/handover/watched", &small_log, sockets_are_watched_only_afterwards);
  ENGINE_TEST ("/handover/dead", &small_log, who_is_dead_is_buried_before);

  return g_test_run ();
}
