/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* An engine in its own main context. */

#include "engine-fixture.h"

#include "descriptors.h"

static void
on_message (WsClient *client, WsOpcode opcode, const guint8 *data, gsize size, gpointer user_data)
{
  EngineFixture *fixture = user_data;

  g_string_append_len (fixture->messages, (const char *) data, size);
  g_string_append_c (fixture->messages, ';');
  if (fixture->on_message != NULL)
    fixture->on_message (fixture, client, data, size);
}

static void
on_closed (WsClient *client, guint16 code, gpointer user_data)
{
  EngineFixture *fixture = user_data;

  g_string_append_printf (fixture->closed, "%" G_GUINT64_FORMAT ":%u;", client->id, code);
  if (fixture->on_closed != NULL)
    fixture->on_closed (fixture, client);
}

static const WsEngineEvents events = { .message = on_message, .closed = on_closed };

WsEngine *
engine_fixture_new (EngineFixture *fixture, const WsEngineOptions *options)
{
  g_autoptr (GError) error = NULL;
  WsEngine *engine = ws_engine_new (options, &events, fixture, &error);

  g_assert_no_error (error);
  return engine;
}

WsEngine *
engine_fixture_new_from (EngineFixture *fixture,
                         WsHandover *handover,
                         const WsEngineOptions *options,
                         GError **error)
{
  return ws_engine_new_from (handover, options, &events, fixture, error);
}

void
engine_fixture_set_up (EngineFixture *fixture, gconstpointer options)
{
  const WsEngineOptions usual = { .log_size = 1 << 20, .max_message = 1 << 16, .max_clients = 600 };
  g_autoptr (GMainContext) context = NULL;

  fixture->descriptors = descriptors_count ();
  fixture->messages = g_string_new (NULL);
  fixture->closed = g_string_new (NULL);
  fixture->engine = engine_fixture_new (fixture, options != NULL ? options : &usual);
  context = g_main_context_new ();
  fixture->crowd = crowd_new (context);
  ws_engine_attach (fixture->engine, context);
}

void
engine_fixture_tear_down (EngineFixture *fixture, gconstpointer options)
{
  g_clear_pointer (&fixture->engine, ws_engine_free);
  crowd_free (fixture->crowd);
  g_string_free (fixture->messages, TRUE);
  g_string_free (fixture->closed, TRUE);
  g_assert_cmpuint (descriptors_count (), ==, fixture->descriptors);
}

Peer *
engine_fixture_join (EngineFixture *fixture, WsClient **client)
{
  g_autoptr (GError) error = NULL;
  int server_fd;
  Peer *peer = crowd_add (fixture->crowd, &server_fd);
  WsClient *adopted = ws_engine_adopt (fixture->engine, server_fd, NULL, &error);

  g_assert_no_error (error);
  g_assert_nonnull (adopted);
  if (client != NULL)
    *client = adopted;
  return peer;
}

Peer *
engine_fixture_join_stalled (EngineFixture *fixture, WsClient **client)
{
  WsClient *adopted;
  Peer *peer = engine_fixture_join (fixture, &adopted);

  peer->is_stalled = TRUE;
  peer_narrow (adopted->record->fd);
  if (client != NULL)
    *client = adopted;
  return peer;
}

void
engine_fixture_publish (EngineFixture *fixture, guint64 number, gsize size)
{
  g_autoptr (GBytes) payload = make_payload (number, size);

  ws_engine_publish (fixture->engine, WS_OPCODE_BINARY, g_bytes_get_data (payload, NULL), size);
}

guint64
engine_fixture_take (Peer *peer, guint64 number, gsize size)
{
  gsize taken = 0;

  while (taken < peer->in->len)
    {
      const GByteArray rest = { .data = peer->in->data + taken, .len = peer->in->len - taken };
      g_autoptr (GBytes) payload = make_payload (number, size);
      Frame frame;

      g_assert_true (frame_read (&rest, &frame));
      g_assert_cmphex (frame.opcode, ==, FRAME_BINARY);
      g_assert_cmpmem (frame.payload, frame.size, g_bytes_get_data (payload, NULL), size);
      taken += frame.header_size + frame.size;
      number++;
    }

  g_byte_array_set_size (peer->in, 0);
  return number;
}

WsEngineStats
engine_fixture_stats (EngineFixture *fixture)
{
  return ws_engine_get_stats (fixture->engine);
}

guint64
engine_fixture_count_closed (EngineFixture *fixture, guint16 code)
{
  return engine_fixture_stats (fixture).counters->closed[ws_close_slot (code)];
}
