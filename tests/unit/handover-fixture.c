/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Hand-overs between two engines in one process, with the data as another process would receive
 * it. */

#include "handover-fixture.h"

#include "descriptors.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int
receive_fd (int fd)
{
  const int received = fcntl (fd, F_DUPFD_CLOEXEC, 0);

  g_assert_cmpint (received, >=, 0);
  return received;
}

/* Returns: (transfer full): a copy of @state, untrusted like data from another process. */
static GVariant *
receive_state (GVariant *state)
{
  g_autoptr (GBytes) bytes = g_variant_get_data_as_bytes (state);
  g_autoptr (GBytes) copy = g_bytes_new (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));

  return g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE ("(uv)"), copy, FALSE));
}

WsHandover *
handover_receive (EngineFixture *fixture)
{
  g_autoptr (WsHandover) packed = ws_engine_pack (fixture->engine);
  WsHandover *handover = g_new0 (WsHandover, 1);

  handover->log_fd = receive_fd (packed->log_fd);
  handover->table_fd = receive_fd (packed->table_fd);
  handover->sockets = g_array_copy (packed->sockets);
  for (guint i = 0; i < handover->sockets->len; i++)
    g_array_index (handover->sockets, int, i) = receive_fd (
      g_array_index (packed->sockets, int, i));
  handover->state = receive_state (packed->state);
  return handover;
}

static void
close_left (int fd)
{
  if (fd >= 0)
    g_assert_no_errno (close (fd)); /* the new engine sets descriptors that it takes to -1 */
}

void
handover_discard (WsHandover *handover)
{
  close_left (handover->log_fd);
  close_left (handover->table_fd);
  for (guint i = 0; i < handover->sockets->len; i++)
    close_left (g_array_index (handover->sockets, int, i));
  ws_handover_free (handover);
}

static WsEngine *
unpack (EngineFixture *fixture, const WsEngineOptions *options)
{
  WsHandover *handover = handover_receive (fixture);
  const guint clients = handover->sockets->len;
  g_autoptr (GError) error = NULL;
  WsEngine *engine = engine_fixture_new_from (
    fixture, handover, options != NULL ? options : ws_engine_get_options (fixture->engine), &error);

  g_assert_no_error (error);
  g_assert_cmpuint (handover->moved + handover->closed, ==, clients);
  handover_discard (handover);
  return engine;
}

void
handover_carry_out (EngineFixture *fixture, const WsEngineOptions *options)
{
  WsEngine *engine;

  ws_engine_pause (fixture->engine);
  engine = unpack (fixture, options);
  ws_engine_free (fixture->engine);
  fixture->engine = engine;
  ws_engine_attach (engine, fixture->crowd->context);
  ws_engine_resume (engine);
}

void
handover_turn_back (EngineFixture *fixture, const WsEngineOptions *options)
{
  ws_engine_pause (fixture->engine);
  ws_engine_free (unpack (fixture, options));
  ws_engine_resume (fixture->engine);
}

GError *
handover_refuse (EngineFixture *fixture, WsHandover *handover)
{
  const WsEngineOptions *options = ws_engine_get_options (fixture->engine);
  const guint descriptors = descriptors_count ();
  GError *error = NULL;
  guint left = 0;

  g_assert_null (engine_fixture_new_from (fixture, handover, options, &error));
  g_assert_true (error != NULL && error->domain == G_FILE_ERROR);

  left = (handover->log_fd < 0) + (handover->table_fd < 0);
  for (guint i = 0; i < handover->sockets->len; i++)
    left += g_array_index (handover->sockets, int, i) < 0;
  g_assert_cmpuint (descriptors_count () + left, ==, descriptors);
  handover_discard (handover);
  return error;
}

WsClient *
handover_find_client (EngineFixture *fixture, guint64 id)
{
  for (guint slot = 0; slot < engine_fixture_stats (fixture).clients; slot++)
    {
      WsClient *client = ws_engine_get_client (fixture->engine, slot);

      if (client->id == id)
        return client;
    }

  return NULL;
}
