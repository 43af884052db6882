/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Finds clients by id, and emits the events of the engine as GObject signals. */

#include "rd-manager.h"

#include "rd-error.h"

#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

#define CLOSE_MANDATORY_EXTENSION 1010 /* only a client may send this code (RFC 6455 §7.4.1) */

struct _RdManager
{
  GObject parent_instance;

  WsEngine *engine; /* owned */
};

static guint message_signal;

G_DEFINE_FINAL_TYPE (RdManager, rd_manager, G_TYPE_OBJECT)

static void
on_message (WsClient *client, WsOpcode opcode, const guint8 *data, gsize size, gpointer user_data)
{
  RdMessage message = { .topic = RD_TOPIC_BROADCAST, .opcode = opcode, .data = data, .size = size };

  g_signal_emit (user_data, message_signal, 0, &message);
}

static RdDeparture
departure_of (const WsClient *client)
{
  if (!client->is_ours)
    return RD_DEPARTURE_LEFT;

  return client->close_sent && client->close_received ? RD_DEPARTURE_CLOSED : RD_DEPARTURE_FORCED;
}

/* Logs @event of @client, if debug messages are logged. @code: close code, or 0. */
static void
log_client (const WsClient *client, const char *event, guint code)
{
  g_autofree char *remote = NULL;

  if (!g_log_get_debug_enabled ())
    return;

  remote = rd_client_dup_remote (client);
  if (code > 0)
    g_debug ("Client %" PRIu64 " %s: %s, code %u", client->id, event, remote, code);
  else
    g_debug ("Client %" PRIu64 " %s: %s", client->id, event, remote);
}

static void
on_closed (WsClient *client, guint16 code, gpointer user_data)
{
  RdManager *self = user_data;

  log_client (client, "disconnected", code);
  g_signal_emit_by_name (self, "client-disconnected", client->id, (guint) code,
                         (guint) departure_of (client));
  g_signal_emit_by_name (self, "connections-changed");
}

static const WsEngineEvents engine_events = { .message = on_message, .closed = on_closed };

static void
rd_manager_finalize (GObject *object)
{
  RdManager *self = RD_MANAGER (object);

  g_clear_pointer (&self->engine, ws_engine_free);
  G_OBJECT_CLASS (rd_manager_parent_class)->finalize (object);
}

static void
rd_manager_class_init (RdManagerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = rd_manager_finalize;

  message_signal = g_signal_new ("message", RD_TYPE_MANAGER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 1, G_TYPE_POINTER);
  g_signal_new ("client-connected", RD_TYPE_MANAGER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                G_TYPE_NONE, 1, G_TYPE_POINTER);
  g_signal_new ("client-disconnected", RD_TYPE_MANAGER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                G_TYPE_NONE, 3, G_TYPE_UINT64, G_TYPE_UINT, G_TYPE_UINT);
  g_signal_new ("connections-changed", RD_TYPE_MANAGER, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                G_TYPE_NONE, 0);
}

static void
rd_manager_init (RdManager *self)
{
}

RdManager *
rd_manager_new (const WsEngineOptions *options, GError **error)
{
  g_autoptr (RdManager) self = g_object_new (RD_TYPE_MANAGER, NULL);

  self->engine = ws_engine_new (options, &engine_events, self, error);
  if (self->engine == NULL)
    return NULL;

  ws_engine_attach (self->engine, NULL);
  return g_steal_pointer (&self);
}

WsEngine *
rd_manager_get_engine (RdManager *self)
{
  return self->engine;
}

gboolean
rd_manager_admit (RdManager *self, int fd, const char *response, GError **error)
{
  WsClient *client = ws_engine_adopt (self->engine, fd, response, error);

  if (client == NULL)
    return FALSE;

  log_client (client, "connected", 0);
  g_signal_emit_by_name (self, "client-connected", client);
  g_signal_emit_by_name (self, "connections-changed");
  return TRUE;
}

void
rd_manager_broadcast (RdManager *self, RdMessage *message)
{
  message->id = ws_engine_publish (self->engine, message->opcode, message->data, message->size);
}

guint
rd_manager_get_connections (RdManager *self)
{
  return ws_engine_get_stats (self->engine).clients;
}

char *
rd_client_dup_remote (const WsClient *client)
{
  const WsRecord *record = client->record;
  g_autoptr (GInetAddress) address = NULL;
  g_autoptr (GInetSocketAddress) socket_address = NULL;

  if (record->family == AF_UNSPEC)
    return g_strdup ("unknown");

  address = g_inet_address_new_from_bytes (record->address, record->family);
  socket_address = G_INET_SOCKET_ADDRESS (g_inet_socket_address_new (address, record->port));
  return g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (socket_address));
}

static int
compare_ids (gconstpointer a, gconstpointer b)
{
  const guint64 left = (*(const WsClient *const *) a)->id;
  const guint64 right = (*(const WsClient *const *) b)->id;

  return (left > right) - (left < right);
}

GPtrArray *
rd_manager_list (RdManager *self)
{
  const guint n = rd_manager_get_connections (self);
  GPtrArray *list = g_ptr_array_sized_new (n);

  for (guint slot = 0; slot < n; slot++)
    g_ptr_array_add (list, ws_engine_get_client (self->engine, slot));
  g_ptr_array_sort (list, compare_ids);
  return list;
}

/* Other programs read this dictionary: never rename or remove a key, or change its type. */
static void
add_client (GVariantBuilder *list, const WsEngine *engine, const WsClient *client)
{
  const WsRecord *record = client->record;
  g_autofree char *remote = rd_client_dup_remote (client);
  const guint64 behind = ws_engine_get_behind (engine, client);

  g_variant_builder_open (list, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (list, "{sv}", "id", g_variant_new_uint64 (record->id));
  g_variant_builder_add (list, "{sv}", "remote", g_variant_new_string (remote));
  g_variant_builder_add (list, "{sv}", "connected", g_variant_new_uint64 (record->connected_us));
  g_variant_builder_add (list, "{sv}", "received", g_variant_new_uint64 (record->received));
  g_variant_builder_add (list, "{sv}", "sent", g_variant_new_uint64 (record->sent));
  g_variant_builder_add (list, "{sv}", "behind", g_variant_new_uint64 (behind));
  g_variant_builder_close (list);
}

GVariant *
rd_manager_to_variant (RdManager *self, guint max)
{
  g_autoptr (GPtrArray) clients = rd_manager_list (self);
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = clients->len - MIN (clients->len, max); i < clients->len; i++)
    add_client (&list, self->engine, clients->pdata[i]);
  return g_variant_builder_end (&list);
}

gboolean
rd_manager_close (RdManager *self, guint64 id, guint16 code, const char *reason, GError **error)
{
  WsClient *client = ws_engine_find_client (self->engine, id);

  if (!ws_close_code_is_valid (code) || code == CLOSE_MANDATORY_EXTENSION)
    {
      g_set_error (
        error, RD_ERROR, RD_ERROR_INVALID_ARGUMENT,
        "%u is an invalid close code; use 1000 to 1003, 1007 to 1009, 1011 to 1014 or 3000 to 4999",
        code);
      return FALSE;
    }
  if (strlen (reason) > WS_CLOSE_REASON_MAX)
    {
      g_set_error (error, RD_ERROR, RD_ERROR_INVALID_ARGUMENT, "the reason is longer than %d bytes",
                   WS_CLOSE_REASON_MAX);
      return FALSE;
    }
  if (client == NULL)
    {
      g_set_error (error, RD_ERROR, RD_ERROR_NOT_FOUND,
                   "there is no client %" PRIu64 "; see ListClients for the ids", id);
      return FALSE;
    }

  ws_engine_close (self->engine, client, code, reason);
  return TRUE;
}

gboolean
rd_manager_take_over (RdManager *self, WsHandover *handover, GError **error)
{
  WsEngine *engine;

  g_assert (rd_manager_get_connections (self) == 0);

  engine = ws_engine_new_from (handover, ws_engine_get_options (self->engine), &engine_events, self,
                               error);
  if (engine == NULL)
    return FALSE;

  ws_engine_free (self->engine);
  self->engine = engine;
  ws_engine_attach (engine, NULL);
  g_signal_emit_by_name (self, "connections-changed");
  return TRUE;
}
