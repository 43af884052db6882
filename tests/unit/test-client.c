/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* One open client: sending the log, control frames between messages, counters. */

#include <string.h>

#include "client-fixture.h"

static void
client_is_sent_the_log_in_one_call (ClientFixture *fixture, gconstpointer data)
{
  const gsize sizes[] = { 0, 1, 125, 126, 70000 };

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    client_fixture_publish (fixture, sizes[i]);

  g_assert_cmpint (ws_client_send_log (fixture->record, &fixture->context), ==, WS_SEND_ALL);
  g_assert_cmpuint (fixture->record->cursor, ==, fixture->log->header->head);
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
sending_continues_at_the_next_byte (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_block (fixture);
  client_fixture_publish (fixture, 10);
  while (fixture->record->cursor < fixture->log->header->head)
    {
      peer_read (fixture->peer, 777);
      g_assert_cmpint (ws_client_send (fixture->client, &fixture->context), !=, WS_SEND_FAILED);
    }
  client_fixture_drain (fixture);
  client_fixture_expect (fixture, 2);
  peer_expect_silence (fixture->peer);
}

static void
broken_connection_is_detected (ClientFixture *fixture, gconstpointer data)
{
  peer_hang_up (fixture->peer);
  client_fixture_publish (fixture, 10);
  g_assert_cmpint (ws_client_send_log (fixture->record, &fixture->context), ==, WS_SEND_FAILED);
  g_assert_cmpint (ws_client_send (fixture->client, &fixture->context), ==, WS_SEND_FAILED);
}

static void
sent_bytes_and_delivered_messages_are_counted (ClientFixture *fixture, gconstpointer data)
{
  const WsCounters *counters = fixture->context.counters;

  client_fixture_publish (fixture, 10);
  client_fixture_publish (fixture, 200);
  client_fixture_drain (fixture);
  g_assert_cmpuint (counters->delivered, ==, 2);
  g_assert_cmpuint (counters->bytes_out, ==, 12 + 204);
  g_assert_cmpuint (fixture->record->sent, ==, 12 + 204);

  client_fixture_block (fixture);
  g_assert_cmpuint (counters->delivered, ==, 2); /* the last message is not complete */
  client_fixture_drain (fixture);
  g_assert_cmpuint (counters->delivered, ==, 3);
  g_assert_cmpuint (counters->bytes_out, ==, fixture->log->header->head);
  g_assert_cmpuint (fixture->record->sent, ==, fixture->log->header->head);
}

static void
partial_message_is_not_counted_as_delivered (ClientFixture *fixture, gconstpointer data)
{
  const WsCounters *counters = fixture->context.counters;

  client_fixture_publish (fixture, 10);
  client_fixture_block (fixture);
  client_fixture_publish (fixture, 10);
  ws_client_count_delivered (fixture->client, &fixture->context);
  g_assert_cmpuint (counters->delivered, ==, 1);
  ws_client_count_delivered (fixture->client, &fixture->context); /* counts nothing twice */
  g_assert_cmpuint (counters->delivered, ==, 1);
  client_fixture_drain (fixture);
  g_assert_cmpuint (counters->delivered, ==, 3);
}

/* The count is right even if nothing more is published. */
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
received_messages_are_emitted_and_counted (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_receive (fixture, FRAME_TEXT, "hello");
  client_fixture_receive (fixture, FRAME_PONG, "unasked");
  client_fixture_receive (fixture, FRAME_BINARY, "");
  g_assert_cmpstr (fixture->messages->str, ==, "hello;;");
  g_assert_cmpuint (fixture->context.counters->messages_in, ==, 2);
  g_assert_cmpint (fixture->client->state, ==, WS_CLIENT_OPEN);
}

/* An idle client; malloc(3) adds some 16 bytes for each block. */
static void
client_costs_less_than_400_bytes (void)
{
  g_assert_cmpuint (sizeof (WsClient) + 16 + sizeof (WsClient *) + sizeof (WsRecord), <, 400);
}

/* A client between messages owns no memory, even after fragments. */
static void
emitted_message_is_freed (ClientFixture *fixture, gconstpointer data)
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
      g_assert_null (fixture->client->control); /* freed when sent */
    }
}

static void
ping_is_sent_at_once_if_nothing_is_pending (ClientFixture *fixture, gconstpointer data)
{
  ws_client_ping (fixture->client, &fixture->context);
  client_fixture_drain (fixture);
  peer_expect (fixture->peer, FRAME_PING, NULL, 0);
}

static void
control_frame_goes_before_messages_that_are_not_begun (ClientFixture *fixture, gconstpointer data)
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

/* Fills the socket with pongs until one is sent partially. */
static void
block_in_pongs (ClientFixture *fixture)
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
blocked_pongs_arrive_whole_and_in_order (ClientFixture *fixture, gconstpointer data)
{
  block_in_pongs (fixture);
  client_fixture_publish (fixture, 10);
  client_fixture_receive (fixture, FRAME_PING, "behind");
  client_fixture_drain (fixture);

  expect_pongs (fixture);
  peer_expect (fixture->peer, FRAME_PONG, "behind", 6);
  client_fixture_expect (fixture, 1);
  peer_expect_silence (fixture->peer);
}

static void
close_follows_blocked_pongs (ClientFixture *fixture, gconstpointer data)
{
  block_in_pongs (fixture);
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

  CLIENT_TEST ("/client/send", client_is_sent_the_log_in_one_call);
  CLIENT_TEST ("/client/send/nothing", nothing_to_send_is_no_failure);
  CLIENT_TEST ("/client/send/blocked", sending_continues_at_the_next_byte);
  CLIENT_TEST ("/client/send/gone", broken_connection_is_detected);
  CLIENT_TEST ("/client/count", sent_bytes_and_delivered_messages_are_counted);
  CLIENT_TEST ("/client/count/left", partial_message_is_not_counted_as_delivered);
  CLIENT_TEST ("/client/count/control", message_before_a_control_frame_is_counted_once_it_is_sent);
  CLIENT_TEST ("/client/receive", received_messages_are_emitted_and_counted);
  g_test_add_func ("/client/size", client_costs_less_than_400_bytes);
  CLIENT_TEST ("/client/receive/memory", emitted_message_is_freed);
  CLIENT_TEST ("/client/ping", ping_is_answered_with_its_payload);
  CLIENT_TEST ("/client/ping/ours", ping_is_sent_at_once_if_nothing_is_pending);
  CLIENT_TEST ("/client/ping/pending", control_frame_goes_before_messages_that_are_not_begun);
  CLIENT_TEST ("/client/ping/blocked", control_frames_go_out_at_the_next_boundary);
  CLIENT_TEST ("/client/ping/partial", blocked_pongs_arrive_whole_and_in_order);
  CLIENT_TEST ("/client/close/partial-pong", close_follows_blocked_pongs);

  return g_test_run ();
}
