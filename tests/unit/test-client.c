/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* One client while it is open: its share of the log, control frames at the boundaries of messages,
 * what it counts. */

#include <string.h>

#include "client-fixture.h"

static void
client_is_sent_all_up_to_the_head_in_one_go (ClientFixture *fixture, gconstpointer data)
{
  const gsize sizes[] = { 0, 1, 125, 126, 70000 };

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    client_fixture_publish (fixture, sizes[i]);

  g_assert_cmpint (ws_client_send_log (fixture->record, &fixture->context), ==, WS_SEND_ALL);
  g_assert_cmpuint (fixture->record->cursor, ==, ws_log_get_head (fixture->log));
  g_assert_cmphex (fixture->record->flags, ==, 0);
  peer_read (fixture->peer, G_MAXSIZE);
  client_fixture_expect (fixture, G_N_ELEMENTS (sizes));
  peer_expect_silence (fixture->peer);
}

static void
nothing_to_send_is_no_failure (ClientFixture *fixture, gconstpointer data)
{
  g_assert_cmpint (ws_client_send (fixture->client, &fixture->context), ==, WS_SEND_ALL);
  g_assert_cmpuint (fixture->context.counters->bytes_out, ==, 0);
}

static void
sending_goes_on_at_the_byte_where_it_stopped (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_block (fixture);
  client_fixture_publish (fixture, 10);
  while (fixture->record->cursor < ws_log_get_head (fixture->log))
    {
      peer_read (fixture->peer, 777);
      g_assert_cmpint (ws_client_send (fixture->client, &fixture->context), !=, WS_SEND_FAILED);
    }
  client_fixture_drain (fixture);
  client_fixture_expect (fixture, 2);
  peer_expect_silence (fixture->peer);
}

static void
connection_that_is_gone_is_noticed (ClientFixture *fixture, gconstpointer data)
{
  peer_hang_up (fixture->peer);
  client_fixture_publish (fixture, 10);
  g_assert_cmpint (ws_client_send_log (fixture->record, &fixture->context), ==, WS_SEND_FAILED);
  g_assert_cmpint (ws_client_send (fixture->client, &fixture->context), ==, WS_SEND_FAILED);
}

static void
what_is_sent_and_delivered_is_counted (ClientFixture *fixture, gconstpointer data)
{
  const WsCounters *counters = fixture->context.counters;

  client_fixture_publish (fixture, 10);
  client_fixture_publish (fixture, 200);
  client_fixture_drain (fixture);
  g_assert_cmpuint (counters->delivered, ==, 2);
  g_assert_cmpuint (counters->bytes_out, ==, 12 + 204);
  g_assert_cmpuint (fixture->record->sent, ==, 12 + 204);

  client_fixture_block (fixture);
  g_assert_cmpuint (counters->delivered, ==, 2); /* not whole yet */
  client_fixture_drain (fixture);
  g_assert_cmpuint (counters->delivered, ==, 3);
  g_assert_cmpuint (counters->bytes_out, ==, ws_log_get_head (fixture->log));
  g_assert_cmpuint (fixture->record->sent, ==, ws_log_get_head (fixture->log));
}

static void
client_that_leaves_mid_message_was_delivered_those_before (ClientFixture *fixture,
                                                           gconstpointer data)
{
  const WsCounters *counters = fixture->context.counters;

  client_fixture_publish (fixture, 10);
  client_fixture_block (fixture);
  client_fixture_publish (fixture, 10);
  ws_client_count_delivered (fixture->client, &fixture->context);
  g_assert_cmpuint (counters->delivered, ==, 1);
  ws_client_count_delivered (fixture->client, &fixture->context); /* no message is counted twice */
  g_assert_cmpuint (counters->delivered, ==, 1);
  client_fixture_drain (fixture);
  g_assert_cmpuint (counters->delivered, ==, 3);
}

/* Nothing more need be published for it: a service that is quiet tells the truth too. */
static void
message_before_a_control_frame_is_counted_once_it_is_sent (ClientFixture *fixture,
                                                           gconstpointer data)
{
  client_fixture_block (fixture);
  client_fixture_receive (fixture, FRAME_PING, "x");
  client_fixture_drain (fixture);
  client_fixture_expect (fixture, 1);
  peer_expect (fixture->peer, FRAME_PONG, "x", 1);
  g_assert_cmpuint (fixture->context.counters->delivered, ==, 1);
}

static void
messages_are_passed_on_and_counted (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_receive (fixture, FRAME_TEXT, "hello");
  client_fixture_receive (fixture, FRAME_PONG, "unasked");
  client_fixture_receive (fixture, FRAME_BINARY, "");
  g_assert_cmpstr (fixture->messages->str, ==, "hello;;");
  g_assert_cmpuint (fixture->context.counters->messages_in, ==, 2);
  g_assert_cmpint (fixture->client->state, ==, WS_CLIENT_OPEN);
}

/* In the steady state; malloc(3) takes some 16 bytes of its own. */
static void
client_costs_less_than_400_bytes (void)
{
  g_assert_cmpuint (sizeof (WsClient) + 16 + sizeof (WsClient *) + sizeof (WsRecord), <, 400);
}

/* A client between messages costs no memory, also if the last one came in fragments. */
static void
nothing_is_kept_of_a_message_that_was_passed_on (ClientFixture *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  frame_append (bytes, FRAME_TEXT, "hel", 3);
  frame_append (bytes, FRAME_FIN | FRAME_CONTINUATION, "lo", 2);
  for (guint i = 0; i < bytes->len; i++)
    ws_client_receive (fixture->client, &fixture->context, bytes->data + i, 1);
  g_assert_cmpstr (fixture->messages->str, ==, "hello;");
  g_assert_null (fixture->client->input.message);
  g_assert_null (fixture->client->input.partial);
}

static void
ping_is_answered_with_its_payload (ClientFixture *fixture, gconstpointer data)
{
  g_autofree char *longest = g_strnfill (WS_CONTROL_PAYLOAD_MAX, 'p');
  const char *const payloads[] = { "", "x", longest };

  for (gsize i = 0; i < G_N_ELEMENTS (payloads); i++)
    {
      client_fixture_receive (fixture, FRAME_PING, payloads[i]);
      g_assert_cmphex (fixture->record->flags, ==, WS_RECORD_CONTROL);
      client_fixture_drain (fixture);
      peer_expect (fixture->peer, FRAME_PONG, payloads[i], strlen (payloads[i]));
      peer_expect_silence (fixture->peer);
      g_assert_cmphex (fixture->record->flags, ==, 0);
      g_assert_null (fixture->client->control); /* it costs nothing once it is out */
    }
}

static void
ping_is_sent_at_once_where_nothing_waits (ClientFixture *fixture, gconstpointer data)
{
  ws_client_ping (fixture->client, &fixture->context);
  client_fixture_drain (fixture);
  peer_expect (fixture->peer, FRAME_PING, NULL, 0);
}

static void
control_frame_does_not_wait_for_messages_not_begun (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_publish (fixture, 10);
  client_fixture_publish (fixture, 10);
  client_fixture_receive (fixture, FRAME_PING, "x");
  client_fixture_drain (fixture);
  peer_expect (fixture->peer, FRAME_PONG, "x", 1);
  client_fixture_expect (fixture, 2);
}

static void
control_frames_go_out_at_the_next_boundary (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_block (fixture);
  client_fixture_publish (fixture, 10);
  client_fixture_receive (fixture, FRAME_PING, "x");
  ws_client_ping (fixture->client, &fixture->context);
  client_fixture_publish (fixture, 10);
  client_fixture_drain (fixture);

  client_fixture_expect (fixture, 1);
  peer_expect (fixture->peer, FRAME_PONG, "x", 1);
  peer_expect (fixture->peer, FRAME_PING, NULL, 0);
  client_fixture_expect (fixture, 2);
  peer_expect_silence (fixture->peer);
}

/* §5.5.3, and so no client can make the server pile up answers. */
static void
only_the_latest_ping_is_answered_while_none_gets_out (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_block (fixture);
  client_fixture_receive (fixture, FRAME_PING, "long and first");
  client_fixture_receive (fixture, FRAME_PING, "");
  client_fixture_receive (fixture, FRAME_PING, "last");
  client_fixture_drain (fixture);

  client_fixture_expect (fixture, 1);
  peer_expect (fixture->peer, FRAME_PONG, "last", 4);
  peer_expect_silence (fixture->peer);
}

/* Fills the socket, so that control frames of @count pings get stuck half-way. */
static void
get_stuck_in_pongs (ClientFixture *fixture)
{
  g_autofree char *longest = g_strnfill (WS_CONTROL_PAYLOAD_MAX, 'p');

  peer_narrow (fixture->record->fd);
  do
    client_fixture_receive (fixture, FRAME_PING, longest);
  while (ws_client_send (fixture->client, &fixture->context) == WS_SEND_ALL);
  g_assert_cmphex (fixture->record->flags, ==, WS_RECORD_CONTROL | WS_RECORD_BLOCKED);
}

static void
expect_pongs (ClientFixture *fixture)
{
  g_autofree char *longest = g_strnfill (WS_CONTROL_PAYLOAD_MAX, 'p');
  Frame frame;

  g_assert_true (frame_read (fixture->peer->in, &frame));
  while (frame_read (fixture->peer->in, &frame) && frame.size == WS_CONTROL_PAYLOAD_MAX)
    peer_expect (fixture->peer, FRAME_PONG, longest, WS_CONTROL_PAYLOAD_MAX);
}

static void
pongs_that_get_stuck_come_whole_and_in_order (ClientFixture *fixture, gconstpointer data)
{
  get_stuck_in_pongs (fixture);
  client_fixture_publish (fixture, 10);
  client_fixture_receive (fixture, FRAME_PING, "behind");
  client_fixture_drain (fixture);

  expect_pongs (fixture);
  peer_expect (fixture->peer, FRAME_PONG, "behind", 6);
  client_fixture_expect (fixture, 1);
  peer_expect_silence (fixture->peer);
}

static void
close_comes_behind_pongs_that_got_stuck (ClientFixture *fixture, gconstpointer data)
{
  get_stuck_in_pongs (fixture);
  client_fixture_publish (fixture, 10);
  ws_client_close (fixture->client, &fixture->context, WS_CLOSE_NORMAL, "");
  client_fixture_drain (fixture);

  expect_pongs (fixture);
  client_fixture_expect (fixture, 1);
  peer_expect_close (fixture->peer, WS_CLOSE_NORMAL, "");
  peer_expect_silence (fixture->peer);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  CLIENT_TEST ("/client/send", client_is_sent_all_up_to_the_head_in_one_go);
  CLIENT_TEST ("/client/send/nothing", nothing_to_send_is_no_failure);
  CLIENT_TEST ("/client/send/blocked", sending_goes_on_at_the_byte_where_it_stopped);
  CLIENT_TEST ("/client/send/gone", connection_that_is_gone_is_noticed);
  CLIENT_TEST ("/client/count", what_is_sent_and_delivered_is_counted);
  CLIENT_TEST ("/client/count/left", client_that_leaves_mid_message_was_delivered_those_before);
  CLIENT_TEST ("/client/count/control", message_before_a_control_frame_is_counted_once_it_is_sent);
  CLIENT_TEST ("/client/receive", messages_are_passed_on_and_counted);
  g_test_add_func ("/client/size", client_costs_less_than_400_bytes);
  CLIENT_TEST ("/client/receive/memory", nothing_is_kept_of_a_message_that_was_passed_on);
  CLIENT_TEST ("/client/ping", ping_is_answered_with_its_payload);
  CLIENT_TEST ("/client/ping/ours", ping_is_sent_at_once_where_nothing_waits);
  CLIENT_TEST ("/client/ping/pending", control_frame_does_not_wait_for_messages_not_begun);
  CLIENT_TEST ("/client/ping/blocked", control_frames_go_out_at_the_next_boundary);
  CLIENT_TEST ("/client/ping/latest", only_the_latest_ping_is_answered_while_none_gets_out);
  CLIENT_TEST ("/client/ping/stuck", pongs_that_get_stuck_come_whole_and_in_order);
  CLIENT_TEST ("/client/close/stuck", close_comes_behind_pongs_that_got_stuck);

  return g_test_run ();
}
