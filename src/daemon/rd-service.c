/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The D-Bus object. Translates between D-Bus and the core: methods into calls, changes into
 * properties and signals, at a rate that a bus can bear. Decides nothing, and keeps nothing but who
 * listens and what was said last. */

#include "rd-service.h"

#include "rd-error.h"

#include <glib/gi18n.h>
#include <string.h>

#define REFRESH_INTERVAL_MS 250 /* PropertiesChanged at most four times a second */
#define LOOK_INTERVAL_S     1   /* for changes that come without a word */

/* What the properties were last set to. */
typedef struct
{
  const char *state; /* unowned: a constant */
  guint connections;
  guint seconds_left;
  guint64 peak;
  guint64 total;
  guint64 published;
  guint64 delivered;
  guint64 others; /* generation of the other nodes */
} Snapshot;

struct _RdService
{
  RdDBusServer1Skeleton parent_instance;

  RdManager *manager; /* owned */
  RdDrain *drain;     /* owned */
  RdBus *bus;         /* owned */
  RdNodes *nodes;     /* owned, nullable: none are shown */
  GDBusInterfaceVTable vtable;
  Snapshot told; /* as the properties were signalled last */
  guint refresh_id;
  guint look_id;
  GHashTable *listeners; /* unique bus name -> id of the watch over it, both owned */
  gulong connected_id;   /* signal handlers on manager, while somebody listens */
  gulong disconnected_id;
};

static void server1_iface_init (RdDBusServer1Iface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (RdService,
                               rd_service,
                               RD_DBUS_TYPE_SERVER1_SKELETON,
                               G_IMPLEMENT_INTERFACE (RD_DBUS_TYPE_SERVER1, server1_iface_init))

static void
add_node (GVariantBuilder *list, const RdNode *node, gboolean is_self)
{
  g_variant_builder_open (list, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (list, "{sv}", "id", g_variant_new_string (node->id));
  g_variant_builder_add (list, "{sv}", "host", g_variant_new_string (node->host));
  g_variant_builder_add (list, "{sv}", "pid", g_variant_new_uint32 (node->pid));
  g_variant_builder_add (list, "{sv}", "instance", g_variant_new_string (node->instance));
  g_variant_builder_add (list, "{sv}", "state", g_variant_new_string (node->state));
  g_variant_builder_add (list, "{sv}", "clients", g_variant_new_uint32 (node->clients));
  g_variant_builder_add (list, "{sv}", "version", g_variant_new_string (node->version));
  g_variant_builder_add (list, "{sv}", "self", g_variant_new_boolean (is_self));
  g_variant_builder_close (list);
}

/* Returns: (transfer floating): this worker, in its place among the others. */
static GVariant *
describe_nodes (RdNodes *nodes)
{
  g_autoptr (RdNode) own = rd_nodes_dup_self (nodes);
  const GPtrArray *others = rd_nodes_get_others (nodes);
  GVariantBuilder list;
  guint i = 0;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (; i < others->len && rd_node_compare (others->pdata[i], own) < 0; i++)
    add_node (&list, others->pdata[i], FALSE);
  add_node (&list, own, TRUE);
  for (; i < others->len; i++)
    add_node (&list, others->pdata[i], FALSE);
  return g_variant_builder_end (&list);
}

/* Apart from the others, as it may be long. */
static void
set_nodes (RdService *self)
{
  if (self->nodes != NULL)
    rd_dbus_server1_set_nodes (RD_DBUS_SERVER1 (self), describe_nodes (self->nodes));
}

/* Sets all other properties. What has changed is signalled by tell(): we are frozen else.
 * Returns: what they are now. */
static Snapshot
set_properties (RdService *self)
{
  RdDBusServer1 *server1 = RD_DBUS_SERVER1 (self);
  g_autofree char *bus_state = rd_bus_dup_state (self->bus);
  Snapshot now = { 0 };
  WsEngineStats stats;

  rd_manager_get_stats (self->manager, &stats);
  now.state = rd_drain_get_state (self->drain);
  now.connections = rd_manager_get_connections (self->manager);
  now.seconds_left = rd_drain_get_seconds_left (self->drain);
  now.peak = stats.counters->peak;
  now.total = stats.counters->accepted;
  now.published = stats.published;
  now.delivered = stats.counters->delivered;
  now.others = self->nodes != NULL ? rd_nodes_get_generation (self->nodes) : 0;

  rd_dbus_server1_set_state (server1, now.state);
  rd_dbus_server1_set_connections (server1, now.connections);
  rd_dbus_server1_set_peak_connections (server1, now.peak);
  rd_dbus_server1_set_total_connections (server1, now.total);
  rd_dbus_server1_set_messages_published (server1, now.published);
  rd_dbus_server1_set_messages_delivered (server1, now.delivered);
  rd_dbus_server1_set_drain_seconds_left (server1, now.seconds_left);
  rd_dbus_server1_set_bus_state (server1, bus_state);
  return now;
}

/* Has the skeleton signal what differs from the last time. Returns: whether anything does. */
static gboolean
tell (RdService *self)
{
  const Snapshot old = self->told;

  self->told = set_properties (self);
  set_nodes (self);
  g_object_thaw_notify (G_OBJECT (self));
  g_object_freeze_notify (G_OBJECT (self));
  return memcmp (&old, &self->told, sizeof old) != 0;
}

static void schedule_refresh (RdService *self, guint after_ms);

static gboolean
on_look (gpointer user_data)
{
  RdService *self = user_data;

  self->look_id = 0;
  schedule_refresh (self, 0);
  return G_SOURCE_REMOVE;
}

/* Time goes by while draining, and clients that are slow take in late what was published: of
 * neither are we told. */
static void
schedule_look (RdService *self)
{
  const gboolean is_quiet = rd_drain_is_running (self->drain)
                            && rd_manager_get_connections (self->manager) == 0;

  if (!is_quiet && self->look_id == 0)
    self->look_id = g_timeout_add_seconds (LOOK_INTERVAL_S, on_look, self);
}

/* Goes on for as long as there are changes, so that the last of them is seen too. */
static gboolean
on_refresh (gpointer user_data)
{
  RdService *self = user_data;

  self->refresh_id = 0;
  if (tell (self))
    schedule_refresh (self, REFRESH_INTERVAL_MS);
  else
    schedule_look (self);
  return G_SOURCE_REMOVE;
}

static void
schedule_refresh (RdService *self, guint after_ms)
{
  if (self->refresh_id == 0)
    self->refresh_id = g_timeout_add (after_ms, on_refresh, self);
}

/* Something changed. The first change after a quiet time shows at once. */
static void
on_changed (RdService *self)
{
  schedule_refresh (self, 0);
}

/* Known and signalled at once: this may be the last there is to say. */
static void
on_state_changed (RdService *self)
{
  tell (self);
  g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (self));
  on_changed (self);
}

static void
on_progress (RdService *self, guint clients, guint seconds_left)
{
  rd_dbus_server1_emit_drain_progress (RD_DBUS_SERVER1 (self), clients, seconds_left);
  on_changed (self);
}

static void
on_client_connected (RdService *self, guint64 id)
{
  g_autofree char *remote = rd_manager_dup_remote (self->manager, id);

  rd_dbus_server1_emit_client_connected (RD_DBUS_SERVER1 (self), id, remote);
}

static void
on_client_disconnected (RdService *self, guint64 id, guint code)
{
  rd_dbus_server1_emit_client_disconnected (RD_DBUS_SERVER1 (self), id, code);
}

/* Emits the client signals only while somebody listens. */
static void
follow_listeners (RdService *self)
{
  if (g_hash_table_size (self->listeners) == 0)
    {
      g_clear_signal_handler (&self->connected_id, self->manager);
      g_clear_signal_handler (&self->disconnected_id, self->manager);
    }
  else if (self->connected_id == 0)
    {
      self->connected_id = g_signal_connect_swapped (self->manager, "client-connected",
                                                     G_CALLBACK (on_client_connected), self);
      self->disconnected_id = g_signal_connect_swapped (self->manager, "client-disconnected",
                                                        G_CALLBACK (on_client_disconnected), self);
    }
}

static void
on_listener_vanished (GDBusConnection *connection, const char *name, gpointer user_data)
{
  RdService *self = user_data;

  g_hash_table_remove (self->listeners, name);
  follow_listeners (self);
}

static gboolean
handle_set_client_signals (RdDBusServer1 *server1,
                           GDBusMethodInvocation *invocation,
                           gboolean enabled)
{
  RdService *self = RD_SERVICE (server1);
  const char *sender = g_dbus_method_invocation_get_sender (invocation);

  if (!enabled)
    g_hash_table_remove (self->listeners, sender);
  else if (!g_hash_table_contains (self->listeners, sender))
    g_hash_table_insert (self->listeners, g_strdup (sender),
                         GUINT_TO_POINTER (g_bus_watch_name_on_connection (
                           g_dbus_method_invocation_get_connection (invocation), sender,
                           G_BUS_NAME_WATCHER_FLAGS_NONE, NULL, on_listener_vanished, self, NULL)));
  follow_listeners (self);
  rd_dbus_server1_complete_set_client_signals (server1, invocation);
  return TRUE;
}

static gboolean
handle_shutdown (RdDBusServer1 *server1, GDBusMethodInvocation *invocation)
{
  rd_dbus_server1_complete_shutdown (server1, invocation); /* first: this may be the end */
  rd_drain_begin (RD_SERVICE (server1)->drain, -1);
  return TRUE;
}

/* Reads what Drain was asked for. @timeout_us: -1 if it was not said. */
static gboolean
parse_drain_options (GVariant *options, gint64 *timeout_us, GError **error)
{
  GVariantIter iter;
  const char *key;
  GVariant *value;

  *timeout_us = -1;
  g_variant_iter_init (&iter, options);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    {
      if (g_str_equal (key, "timeout") && g_variant_is_of_type (value, G_VARIANT_TYPE_UINT32))
        {
          *timeout_us = g_variant_get_uint32 (value) * G_TIME_SPAN_SECOND;
          continue;
        }

      g_set_error (error, RD_ERROR, RD_ERROR_INVALID_ARGUMENT,
                   /* Translators: the second is a D-Bus type */
                   _ ("option “%s” (%s) is not known; there is “timeout” (u), in seconds"), key,
                   g_variant_get_type_string (value));
      g_variant_unref (value);
      return FALSE;
    }

  return TRUE;
}

static gboolean
handle_drain (RdDBusServer1 *server1, GDBusMethodInvocation *invocation, GVariant *options)
{
  g_autoptr (GError) error = NULL;
  gint64 timeout_us;

  if (!parse_drain_options (options, &timeout_us, &error))
    {
      g_dbus_method_invocation_return_gerror (invocation, error);
      return TRUE;
    }

  rd_dbus_server1_complete_drain (server1, invocation); /* first: this may be the end */
  rd_drain_begin (RD_SERVICE (server1)->drain, timeout_us);
  return TRUE;
}

static gboolean
handle_cancel_drain (RdDBusServer1 *server1, GDBusMethodInvocation *invocation)
{
  g_autoptr (GError) error = NULL;

  if (rd_drain_cancel (RD_SERVICE (server1)->drain, &error))
    rd_dbus_server1_complete_cancel_drain (server1, invocation);
  else
    g_dbus_method_invocation_return_gerror (invocation, error);
  return TRUE;
}

static gboolean
handle_publish (RdDBusServer1 *server1,
                GDBusMethodInvocation *invocation,
                const char *topic,
                const char *text)
{
  RdService *self = RD_SERVICE (server1);
  RdMessage message = { .topic = RD_TOPIC_BROADCAST,
                        .opcode = WS_OPCODE_TEXT,
                        .data = (const guint8 *) text,
                        .size = strlen (text) };
  const gsize max_message = rd_manager_get_max_message (self->manager);
  char id[WS_ID_STRING_SIZE];

  if (!g_str_equal (topic, RD_TOPIC_BROADCAST))
    {
      g_dbus_method_invocation_return_error (invocation, RD_ERROR, RD_ERROR_NOT_FOUND,
                                             _ ("there is no topic “%s”; the only one is “%s”"),
                                             topic, RD_TOPIC_BROADCAST);
      return TRUE;
    }
  if (message.size > max_message)
    {
      g_dbus_method_invocation_return_error (
        invocation, RD_ERROR, RD_ERROR_INVALID_ARGUMENT,
        _ ("the message has %zu bytes; --max-message allows %zu"), message.size, max_message);
      return TRUE;
    }

  rd_bus_publish (self->bus, &message);
  ws_id_format (&message.id, id);
  rd_dbus_server1_complete_publish (server1, invocation, id);
  return TRUE;
}

static gboolean
handle_list_clients (RdDBusServer1 *server1, GDBusMethodInvocation *invocation)
{
  g_autoptr (GArray) clients = rd_manager_list (RD_SERVICE (server1)->manager);
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < clients->len; i++)
    {
      const RdClientInfo *info = &g_array_index (clients, RdClientInfo, i);

      g_variant_builder_open (&list, G_VARIANT_TYPE_VARDICT);
      g_variant_builder_add (&list, "{sv}", "id", g_variant_new_uint64 (info->id));
      g_variant_builder_add (&list, "{sv}", "remote", g_variant_new_string (info->remote));
      g_variant_builder_add (&list, "{sv}", "connected", g_variant_new_uint64 (info->connected_us));
      g_variant_builder_add (&list, "{sv}", "received", g_variant_new_uint64 (info->received));
      g_variant_builder_add (&list, "{sv}", "sent", g_variant_new_uint64 (info->sent));
      g_variant_builder_add (&list, "{sv}", "behind", g_variant_new_uint64 (info->behind));
      g_variant_builder_close (&list);
    }

  rd_dbus_server1_complete_list_clients (server1, invocation, g_variant_builder_end (&list));
  return TRUE;
}

static gboolean
handle_disconnect_client (RdDBusServer1 *server1,
                          GDBusMethodInvocation *invocation,
                          guint64 id,
                          guint16 code,
                          const char *reason)
{
  g_autoptr (GError) error = NULL;

  if (rd_manager_close (RD_SERVICE (server1)->manager, id, code, reason, &error))
    rd_dbus_server1_complete_disconnect_client (server1, invocation);
  else
    g_dbus_method_invocation_return_gerror (invocation, error);
  return TRUE;
}

static void
server1_iface_init (RdDBusServer1Iface *iface)
{
  iface->handle_cancel_drain = handle_cancel_drain;
  iface->handle_disconnect_client = handle_disconnect_client;
  iface->handle_drain = handle_drain;
  iface->handle_list_clients = handle_list_clients;
  iface->handle_publish = handle_publish;
  iface->handle_set_client_signals = handle_set_client_signals;
  iface->handle_shutdown = handle_shutdown;
}

/* Whoever asks gets what is so now, and not what was signalled last. */
static GVariant *
get_property (GDBusConnection *connection,
              const char *sender,
              const char *object_path,
              const char *interface_name,
              const char *property_name,
              GError **error,
              gpointer user_data)
{
  GDBusInterfaceSkeleton *skeleton = user_data;
  const GDBusInterfaceVTable *inherited
    = G_DBUS_INTERFACE_SKELETON_CLASS (rd_service_parent_class)->get_vtable (skeleton);

  set_properties (user_data);
  if (g_str_equal (property_name, "Nodes"))
    set_nodes (user_data);
  return inherited->get_property (connection, sender, object_path, interface_name, property_name,
                                  error, user_data);
}

static GDBusInterfaceVTable *
rd_service_get_vtable (GDBusInterfaceSkeleton *skeleton)
{
  return &RD_SERVICE (skeleton)->vtable;
}

static void
unwatch (gpointer watch_id)
{
  g_bus_unwatch_name (GPOINTER_TO_UINT (watch_id));
}

static void
rd_service_finalize (GObject *object)
{
  RdService *self = RD_SERVICE (object);

  g_clear_handle_id (&self->refresh_id, g_source_remove);
  g_clear_handle_id (&self->look_id, g_source_remove);
  g_hash_table_remove_all (self->listeners);
  follow_listeners (self);
  g_hash_table_unref (self->listeners);
  g_clear_object (&self->nodes);
  g_object_unref (self->bus);
  g_object_unref (self->drain);
  g_object_unref (self->manager);
  G_OBJECT_CLASS (rd_service_parent_class)->finalize (object);
}

static void
rd_service_class_init (RdServiceClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = rd_service_finalize;
  G_DBUS_INTERFACE_SKELETON_CLASS (klass)->get_vtable = rd_service_get_vtable;
}

static void
rd_service_init (RdService *self)
{
  GDBusInterfaceSkeleton *skeleton = G_DBUS_INTERFACE_SKELETON (self);

  self->vtable = *G_DBUS_INTERFACE_SKELETON_CLASS (rd_service_parent_class)->get_vtable (skeleton);
  self->vtable.get_property = get_property;
  self->listeners = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, unwatch);
}

RdService *
rd_service_new (RdManager *manager, RdDrain *drain, RdBus *bus, const char *instance)
{
  RdService *self = g_object_new (RD_TYPE_SERVICE, "version", RINGDOWN_VERSION, "instance",
                                  instance != NULL ? instance : "", "addresses",
                                  (const char *[]){ NULL }, "nodes",
                                  g_variant_new_array (G_VARIANT_TYPE_VARDICT, NULL, 0), NULL);

  self->manager = g_object_ref (manager);
  self->drain = g_object_ref (drain);
  self->bus = g_object_ref (bus);
  g_signal_connect_object (manager, "notify::connections", G_CALLBACK (on_changed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (drain, "notify::state", G_CALLBACK (on_state_changed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (drain, "progress", G_CALLBACK (on_progress), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (bus, "message", G_CALLBACK (on_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (bus, "notify::state", G_CALLBACK (on_changed), self, G_CONNECT_SWAPPED);
  self->told = set_properties (self);
  g_object_freeze_notify (G_OBJECT (self));
  return self;
}

void
rd_service_show_nodes (RdService *self, RdNodes *nodes)
{
  self->nodes = g_object_ref (nodes);
  g_signal_connect_object (nodes, "changed", G_CALLBACK (on_changed), self, G_CONNECT_SWAPPED);
  on_changed (self);
}
