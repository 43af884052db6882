/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Pongs: one for each ping, in order. At most 16 wait; then the latest ping replaces the last of
 * them (RFC 6455 §5.5.3). */

#include <string.h>

#include "client-fixture.h"

#define WAITING 16 /* maximum number of waiting pongs */

static void
each_ping_of_a_packet_is_answered (ClientFixture *fixture, gconstpointer data)
{
  const guint counts[] = { 1, 10, WAITING };

  for (gsize i = 0; i < G_N_ELEMENTS (counts); i++)
    {
      client_fixture_receive_pings (fixture, 1, counts[i]);
      client_fixture_drain (fixture);
      client_fixture_expect_pongs (fixture, 1, counts[i]);
      peer_expect_silence (fixture->peer);
      g_assert_null (fixture->client->control);
    }
}

static void
last_of_16_pongs_answers_the_latest_ping (ClientFixture *fixture, gconstpointer data)
{
  const guint counts[] = { WAITING + 1, 100 };

  for (gsize i = 0; i < G_N_ELEMENTS (counts); i++)
    {
      client_fixture_receive_pings (fixture, 1, counts[i]);
      client_fixture_drain (fixture);
      client_fixture_expect_pongs (fixture, 1, WAITING - 1);
      client_fixture_expect_pongs (fixture, counts[i], counts[i]);
      peer_expect_silence (fixture->peer);
    }
}

static void
replaced_pong_may_have_another_size (ClientFixture *fixture, gconstpointer data)
{
  g_autofree char *longest = g_strnfill (WS_CONTROL_PAYLOAD_MAX, 'p');
  const char *const payloads[] = { "", longest, "x", longest, "" };

  for (gsize i = 0; i < G_N_ELEMENTS (payloads); i++)
    {
      client_fixture_receive_pings (fixture, 1, WAITING - 1);
      for (gsize j = 0; j <= i; j++)
        client_fixture_receive (fixture, FRAME_PING, payloads[j]);
      client_fixture_drain (fixture);
      client_fixture_expect_pongs (fixture, 1, WAITING - 1);
      peer_expect (fixture->peer, FRAME_PONG, payloads[i], strlen (payloads[i]));
      peer_expect_silence (fixture->peer);
    }
}

static void
pings_between_messages_are_answered (ClientFixture *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) packet = g_byte_array_new ();

  frame_append (packet, FRAME_FIN | FRAME_PING, "1", 1);
  frame_append (packet, FRAME_FIN | FRAME_TEXT, "whole", 5);
  frame_append (packet, FRAME_FIN | FRAME_PING, "2", 1);
  frame_append (packet, FRAME_TEXT, "in ", 3);
  frame_append (packet, FRAME_FIN | FRAME_PING, "3", 1);
  frame_append (packet, FRAME_FIN | FRAME_PING, "4", 1);
  frame_append (packet, FRAME_FIN | FRAME_CONTINUATION, "two", 3);
  frame_append (packet, FRAME_FIN | FRAME_PING, "5", 1);
  ws_client_receive (fixture->client, &fixture->context, packet->data, packet->len);
  client_fixture_drain (fixture);

  g_assert_cmpstr (fixture->messages->str, ==, "whole;in two;");
  client_fixture_expect_pongs (fixture, 1, 5);
  peer_expect_silence (fixture->peer);
}

static void
pongs_and_messages_alternate (ClientFixture *fixture, gconstpointer data)
{
  for (guint i = 0; i < 3; i++)
    {
      client_fixture_receive_pings (fixture, 3 * i, 3 * i + 2);
      client_fixture_publish (fixture, 10);
      client_fixture_drain (fixture);
    }

  for (guint i = 0; i < 3; i++)
    {
      client_fixture_expect_pongs (fixture, 3 * i, 3 * i + 2);
      client_fixture_expect (fixture, 1);
    }
  peer_expect_silence (fixture->peer);
}

static void
blocked_client_gets_its_pongs_after_the_current_message (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_block (fixture);
  client_fixture_publish (fixture, 10);
  client_fixture_receive_pings (fixture, 1, 1);
  client_fixture_receive_pings (fixture, 2, 2);
  client_fixture_receive_pings (fixture, 3, 3);
  client_fixture_drain (fixture);

  client_fixture_expect (fixture, 1);
  client_fixture_expect_pongs (fixture, 1, 3);
  client_fixture_expect (fixture, 1);
  peer_expect_silence (fixture->peer);
}

/* A client cannot make the server store many pongs (RFC 6455 §5.5.3). */
static void
blocked_client_has_at_most_16_waiting_pongs (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_block (fixture);
  for (guint number = 1; number <= 1000; number++)
    {
      client_fixture_receive_pings (fixture, number, number);
      g_assert_cmpuint (fixture->client->control->pongs->len, <=, WAITING * WS_CONTROL_FRAME_MAX);
    }
  client_fixture_drain (fixture);

  client_fixture_expect (fixture, 1);
  client_fixture_expect_pongs (fixture, 1, WAITING - 1);
  client_fixture_expect_pongs (fixture, 1000, 1000);
  peer_expect_silence (fixture->peer);
}

/* While pongs are being sent, 16 others can wait. */
static void
pongs_wait_for_pongs_that_are_being_sent (ClientFixture *fixture, gconstpointer data)
{
  guint sent = 0; /* pings */

  peer_narrow (fixture->record->fd);
  do
    {
      sent++;
      client_fixture_receive_pings (fixture, sent, sent);
    }
  while (ws_client_send (fixture->client, &fixture->context) == WS_SEND_ALL);
  client_fixture_receive_pings (fixture, sent + 1, sent + 20);
  client_fixture_drain (fixture);

  client_fixture_expect_pongs (fixture, 1, sent + WAITING - 1);
  client_fixture_expect_pongs (fixture, sent + 20, sent + 20);
  peer_expect_silence (fixture->peer);
}

static void
one_waiting_pong_needs_little_memory (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_receive (fixture, FRAME_PING, "x");
  g_assert_cmpuint (fixture->client->control->pongs->len, ==, 3);
  g_assert_cmpuint (sizeof (WsControl), <, 256);
}

static void
pings_before_a_close_frame_are_answered_before_it (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_receive_pings (fixture, 1, 3);
  client_fixture_receive_close (fixture, 4000, NULL);
  client_fixture_receive_pings (fixture, 4, 6);
  client_fixture_drain (fixture);

  client_fixture_expect_pongs (fixture, 1, 3);
  peer_expect_close (fixture->peer, 4000, "");
  peer_expect_silence (fixture->peer);
}

static void
pings_are_answered_before_our_close_frame_only (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_block (fixture);
  client_fixture_receive_pings (fixture, 1, 2);
  ws_client_close (fixture->client, &fixture->context, 4000, NULL);
  client_fixture_receive_pings (fixture, 3, 4);
  client_fixture_drain (fixture);

  client_fixture_expect (fixture, 1);
  client_fixture_expect_pongs (fixture, 1, 4);
  peer_expect_close (fixture->peer, 4000, "");

  client_fixture_receive_pings (fixture, 5, 7);
  client_fixture_drain (fixture);
  peer_expect_silence (fixture->peer);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  CLIENT_TEST ("/client/pong/each", each_ping_of_a_packet_is_answered);
  CLIENT_TEST ("/client/pong/latest", last_of_16_pongs_answers_the_latest_ping);
  CLIENT_TEST ("/client/pong/replaced", replaced_pong_may_have_another_size);
  CLIENT_TEST ("/client/pong/between", pings_between_messages_are_answered);
  CLIENT_TEST ("/client/pong/alternate", pongs_and_messages_alternate);
  CLIENT_TEST ("/client/pong/blocked", blocked_client_gets_its_pongs_after_the_current_message);
  CLIENT_TEST ("/client/pong/blocked/latest", blocked_client_has_at_most_16_waiting_pongs);
  CLIENT_TEST ("/client/pong/blocked/pongs", pongs_wait_for_pongs_that_are_being_sent);
  CLIENT_TEST ("/client/pong/memory", one_waiting_pong_needs_little_memory);
  CLIENT_TEST ("/client/pong/close", pings_before_a_close_frame_are_answered_before_it);
  CLIENT_TEST ("/client/pong/close/ours", pings_are_answered_before_our_close_frame_only);

  return g_test_run ();
}
