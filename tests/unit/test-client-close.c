/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The close handshake in every order (RFC 6455 §7), failures and evictions. */

#include <string.h>

#include "client-fixture.h"

static void
begin_close (ClientFixture *fixture, guint16 code, const char *reason)
{
  ws_client_close (fixture->client, &fixture->context, code, reason);
}

static void
assert_finished (ClientFixture *fixture, guint16 code)
{
  g_assert_cmpint (fixture->client->state, ==, WS_CLIENT_FINISHED);
  g_assert_true (fixture->client->close_sent);
  g_assert_true (fixture->client->close_received);
  g_assert_cmpuint (fixture->client->close_code, ==, code);
}

/* Asserts that nothing is sent, whatever is published or queued. */
static void
assert_sends_nothing (ClientFixture *fixture)
{
  client_fixture_publish (fixture, 10);
  client_fixture_receive (fixture, FRAME_PING, "x");
  ws_client_ping (fixture->client, &fixture->context);
  begin_close (fixture, WS_CLOSE_GOING_AWAY, "again");
  client_fixture_drain (fixture);
  g_assert_cmpuint (fixture->peer->in->len, ==, 0);
}

static void
close_frame_follows_pending_messages (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_publish (fixture, 10);
  client_fixture_publish (fixture, 300);
  begin_close (fixture, WS_CLOSE_SERVICE_RESTART, "service restart");
  client_fixture_publish (fixture, 10); /* not sent */
  client_fixture_drain (fixture);

  client_fixture_expect (fixture, 2);
  peer_expect_close (fixture->peer, WS_CLOSE_SERVICE_RESTART, "service restart");
  peer_expect_silence (fixture->peer);
  g_assert_cmpint (fixture->client->state, ==, WS_CLIENT_CLOSING);
  g_assert_cmphex (fixture->record->flags, ==, WS_RECORD_DETACHED);
  g_assert_cmpuint (fixture->context.counters->delivered, ==, 2);
  assert_sends_nothing (fixture);

  client_fixture_receive_close (fixture, WS_CLOSE_SERVICE_RESTART, NULL);
  assert_finished (fixture, WS_CLOSE_SERVICE_RESTART);
  g_assert_cmpuint (fixture->context.counters->delivered, ==, 2);
}

static void
close_frame_of_a_blocked_client_follows_pending_messages (ClientFixture *fixture,
                                                          gconstpointer data)
{
  client_fixture_block (fixture);
  client_fixture_publish (fixture, 10);
  begin_close (fixture, WS_CLOSE_SERVICE_RESTART, "");
  client_fixture_receive (fixture, FRAME_PING, "x");
  client_fixture_publish (fixture, 10); /* not sent */
  client_fixture_drain (fixture);

  client_fixture_expect (fixture, 2);
  peer_expect (fixture->peer, FRAME_PONG, "x", 1);
  peer_expect_close (fixture->peer, WS_CLOSE_SERVICE_RESTART, "");
  peer_expect_silence (fixture->peer);
  g_assert_cmpuint (fixture->context.counters->delivered, ==, 2);
}

static void
close_is_answered_with_the_same_code (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_publish (fixture, 10);
  client_fixture_receive_close (fixture, 4321, "a reason of its own");
  client_fixture_drain (fixture);

  client_fixture_expect (fixture, 1); /* was pending */
  peer_expect_close (fixture->peer, 4321, "");
  assert_finished (fixture, 4321);
}

static void
empty_close_frame_gets_an_empty_answer (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_receive_close (fixture, 0, NULL);
  client_fixture_drain (fixture);
  peer_expect_close (fixture->peer, 0, "");
  assert_finished (fixture, WS_CLOSE_NO_STATUS);
}

/* The blocked client does not get the pending messages first. */
static void
blocked_client_that_closes_gets_the_answer_next (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_block (fixture);
  client_fixture_publish (fixture, 10);
  client_fixture_receive_close (fixture, WS_CLOSE_NORMAL, NULL);
  client_fixture_drain (fixture);

  client_fixture_expect (fixture, 1); /* the frame is completed */
  peer_expect_close (fixture->peer, WS_CLOSE_NORMAL, "");
  peer_expect_silence (fixture->peer);
  assert_finished (fixture, WS_CLOSE_NORMAL);
}

static void
crossing_close_frames_end_with_our_code (ClientFixture *fixture, gconstpointer data)
{
  begin_close (fixture, WS_CLOSE_SERVICE_RESTART, "");
  client_fixture_receive_close (fixture, WS_CLOSE_GOING_AWAY,
                                NULL); /* before our close frame is sent */
  g_assert_cmpint (fixture->client->state, ==, WS_CLIENT_CLOSING);
  client_fixture_drain (fixture);

  peer_expect_close (fixture->peer, WS_CLOSE_SERVICE_RESTART, "");
  peer_expect_silence (fixture->peer);
  assert_finished (fixture, WS_CLOSE_SERVICE_RESTART);
}

static void
first_close_code_counts (ClientFixture *fixture, gconstpointer data)
{
  begin_close (fixture, 4000, "first");
  begin_close (fixture, 4001, "second");
  client_fixture_drain (fixture);
  peer_expect_close (fixture->peer, 4000, "first");
  peer_expect_silence (fixture->peer);
  g_assert_cmpuint (fixture->client->close_code, ==, 4000);
}

static void
messages_before_a_close_frame_are_received (ClientFixture *fixture, gconstpointer data)
{
  begin_close (fixture, WS_CLOSE_SERVICE_RESTART, "");
  client_fixture_receive (fixture, FRAME_TEXT, "while ours waits");
  client_fixture_drain (fixture);
  client_fixture_receive (fixture, FRAME_TEXT, "while theirs is to come");
  client_fixture_receive_close (fixture, WS_CLOSE_NORMAL, NULL);
  client_fixture_receive (fixture, FRAME_TEXT, "never");
  g_assert_cmpstr (fixture->messages->str, ==, "while ours waits;while theirs is to come;");
}

/* The same if both arrive together. */
static void
input_after_a_close_frame_is_discarded (ClientFixture *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  frame_append (bytes, FRAME_FIN | FRAME_TEXT, "before", 6);
  frame_append_close (bytes, WS_CLOSE_NORMAL, NULL);
  frame_append (bytes, FRAME_FIN | FRAME_TEXT, "behind", 6);
  frame_append (bytes, FRAME_FIN | FRAME_PING, "behind", 6);
  ws_client_receive (fixture->client, &fixture->context, bytes->data, bytes->len);
  client_fixture_drain (fixture);

  g_assert_cmpstr (fixture->messages->str, ==, "before;");
  peer_expect_close (fixture->peer, WS_CLOSE_NORMAL, "");
  peer_expect_silence (fixture->peer);
}

static void
bad_close_frame_is_answered_with_the_reason (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_receive_close (fixture, WS_CLOSE_ABNORMAL, NULL);
  client_fixture_drain (fixture);
  peer_expect_close (fixture->peer, WS_CLOSE_PROTOCOL_ERROR, "bad close frame");
  assert_finished (fixture, WS_CLOSE_PROTOCOL_ERROR);
}

static void
close_reason_must_be_text (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_receive_close (fixture, WS_CLOSE_NORMAL, "\xFF");
  client_fixture_drain (fixture);
  peer_expect_close (fixture->peer, WS_CLOSE_INVALID_DATA, "bad close frame");
  assert_finished (fixture, WS_CLOSE_INVALID_DATA);
}

/* RFC 6455 §7.1.7: the server sends the reason, shuts down its sending half and discards input. */
static void
violation_fails_the_connection (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_receive (fixture, FRAME_TEXT, "good");
  client_fixture_receive (fixture, FRAME_CONTINUATION, "of nothing");
  client_fixture_receive (fixture, FRAME_TEXT, "never heard");
  g_assert_cmpint (fixture->client->state, ==, WS_CLIENT_FAILED);
  client_fixture_drain (fixture);

  g_assert_cmpstr (fixture->messages->str, ==, "good;");
  peer_expect_close (fixture->peer, WS_CLOSE_PROTOCOL_ERROR, "protocol error");
  peer_expect_end (fixture->peer);
  client_fixture_receive_close (fixture, WS_CLOSE_NORMAL, NULL);
  g_assert_cmpint (fixture->client->state, ==, WS_CLIENT_FAILED);
  g_assert_cmpuint (fixture->client->close_code, ==, WS_CLOSE_PROTOCOL_ERROR);
}

static void
each_violation_has_its_code (ClientFixture *fixture, gconstpointer data)
{
  g_autofree char *big = g_strnfill (fixture->context.max_message + 1, 'b');
  const struct
  {
    const char *text;
    guint16 code;
    const char *reason;
  } cases[] = {
    { "\xC0\x80", WS_CLOSE_INVALID_DATA, "text is not UTF-8" },
    { big, WS_CLOSE_TOO_BIG, "message too big" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      client_fixture_receive (fixture, FRAME_TEXT, cases[i].text);
      client_fixture_drain (fixture);
      peer_expect_close (fixture->peer, cases[i].code, cases[i].reason);
      peer_expect_end (fixture->peer);
      g_assert_cmpuint (fixture->client->close_code, ==, cases[i].code);
      client_fixture_tear_down (fixture, NULL);
      memset (fixture, 0, sizeof *fixture);
      client_fixture_set_up (fixture, NULL);
    }
}

static void
violation_after_our_close_keeps_our_code (ClientFixture *fixture, gconstpointer data)
{
  begin_close (fixture, WS_CLOSE_SERVICE_RESTART, "");
  client_fixture_receive (fixture, FRAME_CONTINUATION, "of nothing");
  client_fixture_drain (fixture);
  peer_expect_close (fixture->peer, WS_CLOSE_SERVICE_RESTART, "");
  g_assert_cmpuint (fixture->client->close_code, ==, WS_CLOSE_SERVICE_RESTART);
  g_assert_cmpint (fixture->client->state, ==, WS_CLIENT_FAILED);
}

static void
evicted_client_gets_its_whole_message_and_a_close_frame (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_publish (fixture, 10);
  client_fixture_block (fixture);
  client_fixture_publish (fixture, 10);
  ws_client_evict (fixture->client, &fixture->context);
  g_assert_true ((fixture->record->flags & WS_RECORD_DETACHED) != 0);
  client_fixture_drain (fixture);

  client_fixture_expect (fixture, 2); /* the third is not sent */
  peer_expect_close (fixture->peer, WS_CLOSE_TRY_AGAIN_LATER, "too slow");
  peer_expect_silence (fixture->peer);
  g_assert_cmpuint (fixture->context.counters->slow_closed, ==, 1);
  assert_sends_nothing (fixture);
  client_fixture_receive_close (fixture, WS_CLOSE_TRY_AGAIN_LATER, NULL);
  assert_finished (fixture, WS_CLOSE_TRY_AGAIN_LATER);
}

static void
client_evicted_between_messages_gets_a_close_frame (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_publish (fixture, 10);
  client_fixture_drain (fixture);
  client_fixture_publish (fixture, 10);
  ws_client_evict (fixture->client, &fixture->context);
  client_fixture_drain (fixture);

  client_fixture_expect (fixture, 1);
  peer_expect_close (fixture->peer, WS_CLOSE_TRY_AGAIN_LATER, "too slow");
  g_assert_cmpuint (fixture->context.counters->delivered, ==, 1);
}

static void
queued_pong_precedes_the_close_frame_of_an_eviction (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_block (fixture);
  client_fixture_receive (fixture, FRAME_PING, "x");
  client_fixture_publish (fixture, 10);
  ws_client_evict (fixture->client, &fixture->context);
  client_fixture_drain (fixture);

  client_fixture_expect (fixture, 1);
  peer_expect (fixture->peer, FRAME_PONG, "x", 1);
  peer_expect_close (fixture->peer, WS_CLOSE_TRY_AGAIN_LATER, "too slow");
  peer_expect_silence (fixture->peer);
}

/* A partially sent control frame is completed, too. */
static void
partially_sent_pong_is_completed_after_an_eviction (ClientFixture *fixture, gconstpointer data)
{
  g_autofree char *longest = g_strnfill (WS_CONTROL_PAYLOAD_MAX, 'p');
  Frame frame;

  peer_narrow (fixture->record->fd);
  do
    client_fixture_receive (fixture, FRAME_PING, longest);
  while (ws_client_send (fixture->client, &fixture->context) == WS_SEND_ALL);
  client_fixture_publish (fixture, 10);
  ws_client_evict (fixture->client, &fixture->context);
  client_fixture_drain (fixture);

  while (frame_read (fixture->peer->in, &frame) && frame.opcode == FRAME_PONG)
    peer_expect (fixture->peer, FRAME_PONG, longest, strlen (longest));
  peer_expect_close (fixture->peer, WS_CLOSE_TRY_AGAIN_LATER, "too slow");
  peer_expect_silence (fixture->peer);
}

static void
client_evicted_while_closing_keeps_its_code (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_block (fixture);
  client_fixture_publish (fixture, 10);
  begin_close (fixture, WS_CLOSE_SERVICE_RESTART, "service restart");
  ws_client_evict (fixture->client, &fixture->context);
  client_fixture_drain (fixture);

  client_fixture_expect (fixture, 1);
  peer_expect_close (fixture->peer, WS_CLOSE_SERVICE_RESTART, "service restart");
  peer_expect_silence (fixture->peer);
  g_assert_cmpuint (fixture->client->close_code, ==, WS_CLOSE_SERVICE_RESTART);
  g_assert_cmpuint (fixture->context.counters->slow_closed, ==, 0);
}

static void
client_evicted_after_its_close_frame_is_answered (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_block (fixture);
  client_fixture_receive_close (fixture, 4321, NULL);
  ws_client_evict (fixture->client, &fixture->context);
  client_fixture_drain (fixture);

  client_fixture_expect (fixture, 1);
  peer_expect_close (fixture->peer, 4321, "");
  assert_finished (fixture, 4321);
  g_assert_cmpuint (fixture->context.counters->slow_closed, ==, 0);
}

static void
client_evicted_after_a_failure_gets_the_reason_of_the_failure (ClientFixture *fixture,
                                                               gconstpointer data)
{
  client_fixture_block (fixture);
  client_fixture_receive (fixture, FRAME_TEXT, "\xFF");
  ws_client_evict (fixture->client, &fixture->context);
  client_fixture_drain (fixture);

  client_fixture_expect (fixture, 1);
  peer_expect_close (fixture->peer, WS_CLOSE_INVALID_DATA, "text is not UTF-8");
  peer_expect_end (fixture->peer);
  g_assert_cmpuint (fixture->context.counters->slow_closed, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  CLIENT_TEST ("/client/close/pending", close_frame_follows_pending_messages);
  CLIENT_TEST ("/client/close/blocked", close_frame_of_a_blocked_client_follows_pending_messages);
  CLIENT_TEST ("/client/close/theirs", close_is_answered_with_the_same_code);
  CLIENT_TEST ("/client/close/theirs/empty", empty_close_frame_gets_an_empty_answer);
  CLIENT_TEST ("/client/close/theirs/blocked", blocked_client_that_closes_gets_the_answer_next);
  CLIENT_TEST ("/client/close/theirs/bad", bad_close_frame_is_answered_with_the_reason);
  CLIENT_TEST ("/client/close/theirs/bad-reason", close_reason_must_be_text);
  CLIENT_TEST ("/client/close/crossing", crossing_close_frames_end_with_our_code);
  CLIENT_TEST ("/client/close/twice", first_close_code_counts);
  CLIENT_TEST ("/client/close/before", messages_before_a_close_frame_are_received);
  CLIENT_TEST ("/client/close/after", input_after_a_close_frame_is_discarded);
  CLIENT_TEST ("/client/fail", violation_fails_the_connection);
  CLIENT_TEST ("/client/fail/codes", each_violation_has_its_code);
  CLIENT_TEST ("/client/fail/closing", violation_after_our_close_keeps_our_code);
  CLIENT_TEST ("/client/evict", evicted_client_gets_its_whole_message_and_a_close_frame);
  CLIENT_TEST ("/client/evict/boundary", client_evicted_between_messages_gets_a_close_frame);
  CLIENT_TEST ("/client/evict/pong", queued_pong_precedes_the_close_frame_of_an_eviction);
  CLIENT_TEST ("/client/evict/partial-pong", partially_sent_pong_is_completed_after_an_eviction);
  CLIENT_TEST ("/client/evict/closing", client_evicted_while_closing_keeps_its_code);
  CLIENT_TEST ("/client/evict/closed", client_evicted_after_its_close_frame_is_answered);
  CLIENT_TEST ("/client/evict/failed",
               client_evicted_after_a_failure_gets_the_reason_of_the_failure);

  return g_test_run ();
}
