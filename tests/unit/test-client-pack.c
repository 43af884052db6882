/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Packing and unpacking clients, and refusing impossible states. */

#include <sys/socket.h>
#include <unistd.h>

#include "client-fixture.h"
#include "ws-client-pack.h"

#define DEADLINE_US 1234567

#define NO_CONTROL "@m" WS_CONTROL_PACKED_TYPE " nothing"
#define NO_INPUT   "@m" WS_INPUT_PACKED_TYPE " nothing"

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
    /* control: at, sent, ping, pong, close, close in out, out, pong, close */
    "(0, 0, 0, -1, " NO_INPUT ", just (0, 4, true, false, false, false, [1, 2, 3], [], []))",
    "(1, 0, 0, -1, " NO_INPUT ", just (0, 0, false, false, true, true, [1, 2, 3], [], [1, 2]))",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const GVariantType *type = G_VARIANT_TYPE (WS_CLIENT_PACKED_TYPE);
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) packed = g_variant_parse (type, cases[i], NULL, NULL, &error);
      gint64 deadline_us;

      g_test_message ("%s", cases[i]);
      g_assert_no_error (error);
      g_assert_false (ws_client_unpack (fixture->client, packed, &deadline_us));
      ws_input_clear (&fixture->client->input);
      fixture->client->input = (WsInput){ 0 };
      g_clear_pointer (&fixture->client->control, ws_control_free);
    }
}

/* The frames are longer than the fields. */
static void
too_long_control_frames_are_refused (void)
{
  const guint8 bytes[WS_CONTROL_FRAME_MAX + 1] = { 0 };
  const gsize sizes[][2] = { { WS_CONTROL_PAYLOAD_MAX + 1, 0 }, { 0, WS_CONTROL_FRAME_MAX + 1 } };

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      GVariant *out = g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, 0, 1);
      GVariant *pong = g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, sizes[i][0], 1);
      GVariant *close = g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, sizes[i][1], 1);
      g_autoptr (GVariant) packed = g_variant_ref_sink (g_variant_new (
        "(tubbbb@ay@ay@ay)", (guint64) 0, 0, FALSE, TRUE, TRUE, FALSE, out, pong, close));

      g_assert_null (ws_control_unpack (packed));
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
  CLIENT_TEST ("/client/unpack/refused", impossible_client_is_refused);
  g_test_add_func ("/client/unpack/refused/control", too_long_control_frames_are_refused);
  CLIENT_TEST ("/client/sound", contradictory_state_is_refused);
  g_test_add_func ("/client/sound/tail", client_before_the_tail_is_refused);

  return g_test_run ();
}
