/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* One client with its own log, table and socket pair. */

#include "client-fixture.h"

#include <string.h>

#define LOG_SIZE   (1 << 20)
#define STUCK_SIZE (64 * 1024)

static void
on_message (WsClient *client, WsOpcode opcode, const guint8 *data, gsize size, gpointer user_data)
{
  ClientFixture *fixture = user_data;

  g_string_append_len (fixture->messages, (const char *) data, size);
  g_string_append_c (fixture->messages, ';');
}

static const WsEngineEvents events = { .message = on_message };

void
client_fixture_set_up (ClientFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->log = ws_log_new (LOG_SIZE, &error);
  g_assert_no_error (error);
  fixture->table = ws_table_new (1, &error);
  g_assert_no_error (error);
  fixture->context = (WsContext){ .log = fixture->log,
                                  .counters = &fixture->table->header->counters,
                                  .max_message = LOG_SIZE / 8,
                                  .max_copied = LOG_SIZE / 2,
                                  .events = &events,
                                  .user_data = fixture };
  fixture->record = ws_table_add (fixture->table, &(WsRecord){ .fd = -1 });
  fixture->peer = peer_new (&fixture->record->fd);
  fixture->client = ws_client_new (fixture->record);
  fixture->sizes = g_ptr_array_new ();
  fixture->messages = g_string_new (NULL);
}

void
client_fixture_tear_down (ClientFixture *fixture, gconstpointer data)
{
  ws_client_free (fixture->client);
  peer_free (fixture->peer);
  ws_table_free (fixture->table);
  ws_log_free (fixture->log);
  g_ptr_array_unref (fixture->sizes);
  g_string_free (fixture->messages, TRUE);
}

void
client_fixture_publish (ClientFixture *fixture, gsize size)
{
  g_autoptr (GBytes) payload = make_payload (fixture->sizes->len, size);

  ws_log_append (fixture->log, WS_OPCODE_BINARY, g_bytes_get_data (payload, NULL), size, 1);
  g_ptr_array_add (fixture->sizes, GSIZE_TO_POINTER (size));
  g_assert_cmpuint (ws_log_get_tail (fixture->log), ==, 0); /* the log must not wrap in a test */
}

void
client_fixture_block (ClientFixture *fixture)
{
  const guint64 begin = fixture->log->header->head;

  peer_narrow (fixture->record->fd);
  client_fixture_publish (fixture, STUCK_SIZE);
  g_assert_cmpint (ws_client_send (fixture->client, &fixture->context), ==, WS_SEND_BLOCKED);
  g_assert_cmpuint (fixture->record->cursor, >, begin);
  g_assert_cmpuint (fixture->record->cursor, <, fixture->log->header->head);
  g_assert_cmphex (fixture->record->flags, ==, WS_RECORD_BLOCKED);
}

void
client_fixture_drain (ClientFixture *fixture)
{
  WsSend result;

  do
    {
      result = ws_client_send (fixture->client, &fixture->context);
      g_assert_cmpint (result, !=, WS_SEND_FAILED);
      g_assert_cmpint (result == WS_SEND_BLOCKED, ==,
                       (fixture->record->flags & WS_RECORD_BLOCKED) != 0);
    }
  while (peer_read (fixture->peer, G_MAXSIZE) || result == WS_SEND_BLOCKED);
}

static void
receive (ClientFixture *fixture, GByteArray *bytes)
{
  ws_client_receive (fixture->client, &fixture->context, bytes->data, bytes->len);
}

void
client_fixture_receive (ClientFixture *fixture, guint8 opcode, const char *payload)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  frame_append (bytes, FRAME_FIN | opcode, payload, strlen (payload));
  receive (fixture, bytes);
}

void
client_fixture_receive_close (ClientFixture *fixture, guint16 code, const char *reason)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  frame_append_close (bytes, code, reason);
  receive (fixture, bytes);
}

void
client_fixture_receive_pings (ClientFixture *fixture, guint first, guint last)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  for (guint number = first; number <= last; number++)
    {
      g_autofree char *payload = g_strdup_printf ("%u", number);

      frame_append (bytes, FRAME_FIN | FRAME_PING, payload, strlen (payload));
    }
  receive (fixture, bytes);
}

void
client_fixture_expect (ClientFixture *fixture, guint count)
{
  for (guint i = 0; i < count; i++, fixture->next_expected++)
    {
      const gsize size = GPOINTER_TO_SIZE (fixture->sizes->pdata[fixture->next_expected]);

      peer_expect_message (fixture->peer, fixture->next_expected, size);
    }
}

void
client_fixture_expect_pongs (ClientFixture *fixture, guint first, guint last)
{
  for (guint number = first; number <= last; number++)
    {
      g_autofree char *payload = g_strdup_printf ("%u", number);

      peer_expect (fixture->peer, FRAME_PONG, payload, strlen (payload));
    }
}
