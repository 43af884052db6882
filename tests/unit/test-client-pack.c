/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Packing and unpacking clients, and refusing impossible states. */

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client-fixture.h"
#include "ws-client-pack.h"

#define DEADLINE_US 1234567

#define NO_CONTROL "@m" WS_CONTROL_PACKED_TYPE " nothing"
#define NO_INPUT   "@m" WS_INPUT_PACKED_TYPE " nothing"

/* An open client with control frames. If flag 16 is set, the sent bytes of "out" are waiting pongs;
 * version 0.1 never sets this flag.
 * Fields of control: at, sent, ping, pong, close, close in out, out, pong, close. */
#define WITH_CONTROL(flags, control) "(0, 0, " flags ", -1, " NO_INPUT ", just " control ")"

#define FOUR_PONGS "0x8a, 0, 0x8a, 0, 0x8a, 0, 0x8a, 0"

/* Packs the client and replaces it by the unpacked one. */
static void
hand_over (ClientFixture *fixture)
{
  g_autoptr (GVariant) packed = ws_client_pack (fixture->client, DEADLINE_US);
  gint64 deadline_us = 0;
  WsClient *client = ws_client_new (fixture->record);
  const int fd = dup (fixture->record->fd);

  g_assert_nonnull (packed);
  g_variant_ref_sink (packed);
  g_assert_cmpstr (g_variant_get_type_string (packed), ==, WS_CLIENT_PACKED_TYPE);
  g_assert_true (ws_client_unpack (client, packed, &deadline_us));
  g_assert_cmpint (deadline_us, ==, DEADLINE_US);
  g_assert_true (ws_client_is_sound (client, fixture->log));

  ws_client_free (fixture->client); /* closes its socket */
  fixture->record->fd = fd;
  fixture->client = client;
}

static void
idle_client_is_not_packed (ClientFixture *fixture, gconstpointer data)
{
  g_autoptr (GVariant) packed = NULL;

  client_fixture_publish (fixture, 100);
  client_fixture_receive (fixture, FRAME_TEXT, "hello");
  g_assert_null (ws_client_pack (fixture->client, DEADLINE_US));
  client_fixture_receive (fixture, FRAME_PING, "");
  packed = ws_client_pack (fixture->client, DEADLINE_US);
  g_assert_nonnull (packed);
  g_variant_ref_sink (packed);
  client_fixture_drain (fixture);
  g_assert_null (ws_client_pack (fixture->client, DEADLINE_US));
}

/* The answer to a close frame is queued behind a full socket. */
static void
received_close_is_answered_after_a_handover (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_block (fixture);
  client_fixture_receive_close (fixture, 3456, "bye");
  hand_over (fixture);
  client_fixture_receive (fixture, FRAME_TEXT, "too late");
  client_fixture_drain (fixture);
  client_fixture_expect (fixture, 1);
  peer_expect_close (fixture->peer, 3456, "");
  g_assert_cmpstr (fixture->messages->str, ==, "");
  g_assert_cmpint (fixture->client->state, ==, WS_CLIENT_FINISHED);
  g_assert_cmpuint (fixture->client->close_code, ==, 3456);
}

/* Input of a failed client is not packed. */
static void
failed_client_stays_failed (ClientFixture *fixture, gconstpointer data)
{
  guint8 bytes[] = { 0x81, 0x8A, 0, 0, 0, 0, 0xFF };

  ws_client_receive (fixture->client, &fixture->context, bytes, sizeof bytes);
  g_assert_cmpint (fixture->client->state, ==, WS_CLIENT_FAILED);
  hand_over (fixture);
  g_assert_cmpint (fixture->client->state, ==, WS_CLIENT_FAILED);
  client_fixture_drain (fixture);
  peer_expect_close (fixture->peer, WS_CLOSE_INVALID_DATA, "text is not UTF-8");
}

static void
pongs_wait_for_the_current_message_after_a_handover (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_block (fixture);
  client_fixture_publish (fixture, 10);
  client_fixture_receive_pings (fixture, 1, 2);
  hand_over (fixture);
  client_fixture_receive_pings (fixture, 3, 15);
  hand_over (fixture);
  client_fixture_receive_pings (fixture, 16, 18);
  hand_over (fixture);
  client_fixture_receive_pings (fixture, 19, 20);
  client_fixture_drain (fixture);

  client_fixture_expect (fixture, 1);
  client_fixture_expect_pongs (fixture, 1, 15);
  client_fixture_expect_pongs (fixture, 20, 20);
  client_fixture_expect (fixture, 1);
  peer_expect_silence (fixture->peer);
}

static void
pongs_wait_for_a_pong_partly_sent_before_a_handover (ClientFixture *fixture, gconstpointer data)
{
  guint sent = 0; /* pings */

  peer_narrow (fixture->record->fd);
  do
    {
      client_fixture_receive_pings (fixture, sent + 1, sent + 16);
      sent += 16;
    }
  while (ws_client_send (fixture->client, &fixture->context) == WS_SEND_ALL);
  client_fixture_receive_pings (fixture, sent + 1, sent + 5);
  hand_over (fixture);
  client_fixture_drain (fixture);

  client_fixture_expect_pongs (fixture, 1, sent + 5);
  peer_expect_silence (fixture->peer);
}

/* Version 0.1 skips the sent bytes of "out", and then sends one pong. */
static void
version_0_1_gets_the_last_pong (ClientFixture *fixture, gconstpointer data)
{
  g_autoptr (GVariant) packed = NULL;
  g_autoptr (GVariant) out = NULL;
  g_autoptr (GVariant) pong = NULL;
  gboolean pong_due;
  const char *bytes;
  gsize size;
  guint sent;

  client_fixture_block (fixture);
  client_fixture_receive_pings (fixture, 1, 20);
  packed = g_variant_ref_sink (ws_client_pack (fixture->client, DEADLINE_US));
  g_variant_get (packed, "(yqyxm@" WS_INPUT_PACKED_TYPE "m(tubbbb@ay@ayay))", NULL, NULL, NULL,
                 NULL, NULL, NULL, NULL, &sent, NULL, &pong_due, NULL, NULL, &out, &pong, NULL);

  g_assert_cmpuint (g_variant_n_children (out), ==, sent);
  g_assert_true (pong_due);
  bytes = g_variant_get_fixed_array (pong, &size, 1);
  g_assert_cmpmem (bytes, size, "20", 2);
}

/* Returns: (transfer full): the parsed state of a client. */
static GVariant *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  GVariant *packed = g_variant_parse (G_VARIANT_TYPE (WS_CLIENT_PACKED_TYPE), text, NULL, NULL,
                                      &error);

  g_test_message ("%s", text);
  g_assert_no_error (error);
  return packed;
}

static void
control_frames_of_version_0_1_are_sent (ClientFixture *fixture, gconstpointer data)
{
  const struct
  {
    const char *packed;
    const char *sent;
    gsize size;
  } cases[] = {
    { WITH_CONTROL ("0", "(0, 0, false, true, false, false, [], [0x78], [])"), "\x8A\1x", 3 },
    { WITH_CONTROL ("0", "(0, 0, true, true, false, false, [], [], [])"), "\x8A\0\x89\0", 4 },
    /* the pong is not due */
    { WITH_CONTROL ("0", "(0, 0, true, false, false, false, [], [0x78], [])"), "\x89\0", 2 },
    /* a pong was sent, fully or partly, and another one waits */
    { WITH_CONTROL ("0", "(0, 3, false, true, false, false, [0x8a, 1, 1, 0x89, 0], [0x78], [])"),
      "\x89\0\x8A\1x", 5 },
    { WITH_CONTROL ("0", "(0, 1, false, true, false, false, [0x8a, 1, 0x79], [0x78], [])"),
      "\1y\x8A\1x", 5 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GVariant) packed = parse (cases[i].packed);
      gint64 deadline_us;

      fixture->record->flags |= WS_RECORD_CONTROL;
      g_assert_true (ws_client_unpack (fixture->client, packed, &deadline_us));
      g_assert_true (ws_client_is_sound (fixture->client, fixture->log));
      client_fixture_drain (fixture);
      g_assert_cmpmem (fixture->peer->in->data, fixture->peer->in->len, cases[i].sent,
                       cases[i].size);
      g_byte_array_set_size (fixture->peer->in, 0);
    }
}

static void
impossible_client_is_refused (ClientFixture *fixture, gconstpointer data)
{
  const char *const cases[] = {
    /* state, close code, flags, deadline, input, control */
    "(3, 1000, 0, 0, " NO_INPUT ", " NO_CONTROL ")",
    "(255, 1000, 0, 0, " NO_INPUT ", " NO_CONTROL ")",
    "(1, 1000, 0, -2, " NO_INPUT ", " NO_CONTROL ")",
    "(1, 1000, 0, 9223372036854775807, " NO_INPUT ", " NO_CONTROL ")",
    "(0, 0, 0, -1, just (3, (0, 0, 0), false, 0, (true, 1, 5, [1, 2, 3, 4]), [], []), " NO_CONTROL
    ")",
    WITH_CONTROL ("0", "(0, 4, true, false, false, false, [1, 2, 3], [], [])"),
    "(1, 0, 0, -1, " NO_INPUT ", just (0, 0, false, false, true, true, [1, 2, 3], [], [1, 2]))",
    /* waiting pongs: cut off, masked, another opcode, not final, too many */
    WITH_CONTROL ("16", "(0, 1, false, false, false, false, [0x8a], [], [])"),
    WITH_CONTROL ("16", "(0, 3, false, false, false, false, [0x8a, 2, 1, 2], [], [])"),
    WITH_CONTROL ("16", "(0, 6, false, false, false, false, [0x8a, 0x80, 0, 0, 0, 0], [], [])"),
    WITH_CONTROL ("16", "(0, 2, false, false, false, false, [0x89, 0], [], [])"),
    WITH_CONTROL ("16", "(0, 2, false, false, false, false, [0x0a, 0], [], [])"),
    WITH_CONTROL ("16", "(0, 34, false, false, false, false, [" FOUR_PONGS ", " FOUR_PONGS
                        ", " FOUR_PONGS ", " FOUR_PONGS ", 0x8a, 0], [], [])"),
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GVariant) packed = parse (cases[i]);
      gint64 deadline_us;

      g_assert_false (ws_client_unpack (fixture->client, packed, &deadline_us));
      ws_input_clear (&fixture->client->input);
      fixture->client->input = (WsInput){ 0 };
      g_clear_pointer (&fixture->client->control, ws_control_free);
    }
}

/* One byte too long: a waiting pong, the payload of the last pong, and the close frame. */
static void
too_long_control_frames_are_refused (ClientFixture *fixture, gconstpointer data)
{
  const guint8 bytes[WS_CONTROL_FRAME_MAX + 1] = { 0x8A, WS_CONTROL_PAYLOAD_MAX + 1 };
  const gsize sizes[][3] = { { WS_CONTROL_FRAME_MAX + 1, 0, 0 },
                             { 0, WS_CONTROL_PAYLOAD_MAX + 1, 0 },
                             { 0, 0, WS_CONTROL_FRAME_MAX + 1 } };

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      GVariant *out = g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, sizes[i][0], 1);
      GVariant *pong = g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, sizes[i][1], 1);
      GVariant *close = g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, sizes[i][2], 1);
      GVariant *control = g_variant_new ("(tubbbb@ay@ay@ay)", (guint64) 0, (guint) sizes[i][0],
                                         FALSE, TRUE, TRUE, FALSE, out, pong, close);
      g_autoptr (GVariant) packed = g_variant_ref_sink (
        g_variant_new ("(yqyxm@" WS_INPUT_PACKED_TYPE "m@" WS_CONTROL_PACKED_TYPE ")",
                       WS_CLIENT_OPEN, 0, 16, G_GINT64_CONSTANT (-1), NULL, control));
      gint64 deadline_us;

      g_assert_false (ws_client_unpack (fixture->client, packed, &deadline_us));
    }
}

/* Changes that make a valid client invalid. The log ends at 102; its tail is at 0. */
static const struct
{
  const char *name;
  guint64 cursor;
  guint64 next;
  WsRecordFlags flags;
  guint16 family;
  WsClientState state;
  gboolean close_sent;
  gint64 at; /* position of the control frames; -1: none */
  gboolean is_sound;
} standings[] = {
  { "steady", 102, 1, 0, AF_INET, WS_CLIENT_OPEN, FALSE, -1, TRUE },
  { "behind", 0, 0, 0, AF_INET6, WS_CLIENT_OPEN, FALSE, -1, TRUE },
  { "in a message", 50, 1, WS_RECORD_BLOCKED, AF_UNSPEC, WS_CLIENT_OPEN, FALSE, -1, TRUE },
  { "pinged", 50, 0, WS_RECORD_CONTROL, AF_INET, WS_CLIENT_OPEN, FALSE, 102, TRUE },
  { "evicted", 999, 0, WS_RECORD_CONTROL | WS_RECORD_DETACHED, AF_INET, WS_CLIENT_CLOSING, FALSE,
    999, TRUE },
  { "closed", 102, 1, WS_RECORD_DETACHED, AF_INET, WS_CLIENT_CLOSING, TRUE, -1, TRUE },

  { "beyond the head", 103, 1, 0, AF_INET, WS_CLIENT_OPEN, FALSE, -1, FALSE },
  { "far beyond the head", G_MAXUINT64, 1, 0, AF_INET, WS_CLIENT_OPEN, FALSE, -1, FALSE },
  { "more than there was", 102, 2, 0, AF_INET, WS_CLIENT_OPEN, FALSE, -1, FALSE },
  { "more than it was sent", 0, 1, 0, AF_INET, WS_CLIENT_OPEN, FALSE, -1, FALSE },
  { "unknown flag", 102, 1, 8, AF_INET, WS_CLIENT_OPEN, FALSE, -1, FALSE },
  { "unknown family", 102, 1, 0, 77, WS_CLIENT_OPEN, FALSE, -1, FALSE },
  { "no control frames", 102, 1, WS_RECORD_CONTROL, AF_INET, WS_CLIENT_OPEN, FALSE, -1, FALSE },
  { "control frames", 102, 1, 0, AF_INET, WS_CLIENT_OPEN, FALSE, 102, FALSE },
  { "control frames passed", 102, 1, WS_RECORD_CONTROL, AF_INET, WS_CLIENT_OPEN, FALSE, 0, FALSE },
  { "control frames beyond", 50, 0, WS_RECORD_CONTROL, AF_INET, WS_CLIENT_OPEN, FALSE, 103, FALSE },
  { "control frames off the log", 50, 0, WS_RECORD_CONTROL | WS_RECORD_DETACHED, AF_INET,
    WS_CLIENT_CLOSING, FALSE, 51, FALSE },
  { "detached and open", 102, 1, WS_RECORD_DETACHED, AF_INET, WS_CLIENT_OPEN, FALSE, -1, FALSE },
  { "closed and on the log", 102, 1, 0, AF_INET, WS_CLIENT_CLOSING, TRUE, -1, FALSE },
  { "closed and closing", 102, 1, WS_RECORD_CONTROL | WS_RECORD_DETACHED, AF_INET,
    WS_CLIENT_CLOSING, TRUE, 102, FALSE },
};

static void
contradictory_state_is_refused (ClientFixture *fixture, gconstpointer data)
{
  client_fixture_publish (fixture, 100);
  g_assert_cmpuint (fixture->log->header->head, ==, 102);

  for (gsize i = 0; i < G_N_ELEMENTS (standings); i++)
    {
      fixture->record->cursor = standings[i].cursor;
      fixture->record->next = standings[i].next;
      fixture->record->flags = standings[i].flags;
      fixture->record->family = standings[i].family;
      fixture->client->state = standings[i].state;
      fixture->client->close_sent = standings[i].close_sent;
      g_clear_pointer (&fixture->client->control, ws_control_free);
      if (standings[i].at >= 0)
        fixture->client->control = ws_control_new (standings[i].at);

      g_test_message ("%s", standings[i].name);
      g_assert_cmpint (ws_client_is_sound (fixture->client, fixture->log), ==,
                       standings[i].is_sound);
    }
}

/* The log wraps, so that the cursor is before the tail. */
static void
client_before_the_tail_is_refused (void)
{
  g_autoptr (WsLog) log = ws_log_new (1, NULL);
  const guint8 payload[1000] = { 0 };
  WsRecord record = { .fd = -1 };
  WsClient *client = ws_client_new (&record);

  for (guint i = 0; i < 10; i++)
    ws_log_append (log, WS_OPCODE_BINARY, payload, sizeof payload, 1);
  record.cursor = ws_log_get_tail (log);
  g_assert_true (ws_client_is_sound (client, log));
  record.cursor--;
  g_assert_false (ws_client_is_sound (client, log));
  ws_client_free (client);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  CLIENT_TEST ("/client/pack/idle", idle_client_is_not_packed);
  CLIENT_TEST ("/client/pack/close-received", received_close_is_answered_after_a_handover);
  CLIENT_TEST ("/client/pack/failed", failed_client_stays_failed);
  CLIENT_TEST ("/client/pack/pongs", pongs_wait_for_the_current_message_after_a_handover);
  CLIENT_TEST ("/client/pack/pongs/sent", pongs_wait_for_a_pong_partly_sent_before_a_handover);
  CLIENT_TEST ("/client/pack/pongs/0.1", version_0_1_gets_the_last_pong);
  CLIENT_TEST ("/client/unpack/0.1", control_frames_of_version_0_1_are_sent);
  CLIENT_TEST ("/client/unpack/refused", impossible_client_is_refused);
  CLIENT_TEST ("/client/unpack/refused/control", too_long_control_frames_are_refused);
  CLIENT_TEST ("/client/sound", contradictory_state_is_refused);
  g_test_add_func ("/client/sound/tail", client_before_the_tail_is_refused);

  return g_test_run ();
}
