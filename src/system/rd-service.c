/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The D-Bus object of the service. Its methods call src/core; its signals report changes. The rate
 * of PropertiesChanged is limited. */

#include "rd-service.h"

#include "rd-error.h"

#include <string.h>

#define REFRESH_INTERVAL_MS 250  /* minimum time between two PropertiesChanged signals */
#define POLL_INTERVAL_MS    1000 /* time between polls of values that have no change signal */

struct _RdService
{
  RdDBusServer1Skeleton parent_instance;

  RdManager *manager;         /* owned */
  RdDrain *drain;             /* owned */
  RdBus *bus;                 /* owned */
  RdNodes *nodes;             /* owned */
  RdSubscribers *subscribers; /* owned */
  RdCallForwarder *forwarder; /* unowned; NULL: this process handles calls */
  GDBusInterfaceVTable vtable;
  GVariant *signalled; /* owned, nullable: property values of the last PropertiesChanged */
  guint refresh_id;
  guint poll_id;
};

static void server1_iface_init (RdDBusServer1Iface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (RdService,
                               rd_service,
                               RD_DBUS_TYPE_SERVER1_SKELETON,
                               G_IMPLEMENT_INTERFACE (RD_DBUS_TYPE_SERVER1, server1_iface_init))

/* Sets the property Nodes. Because the value may be long, this is not part of set_properties(),
 * which runs on every property read. */
static void
set_nodes (RdService *self)
{
  rd_dbus_server1_set_nodes (RD_DBUS_SERVER1 (self), rd_nodes_to_variant (self->nodes));
}

/* Updates the properties whose values come from src/core, except Nodes. Does not emit signals. */
static void
set_properties (RdService *self)
{
  RdDBusServer1 *server1 = RD_DBUS_SERVER1 (self);
  g_autofree char *bus_state = rd_bus_dup_state (self->bus);
  const WsEngineStats stats = ws_engine_get_stats (rd_manager_get_engine (self->manager));

  rd_dbus_server1_set_state (server1, rd_drain_get_state (self->drain));
  rd_dbus_server1_set_connections (server1, rd_manager_get_connections (self->manager));
  rd_dbus_server1_set_peak_connections (server1, stats.counters->peak);
  rd_dbus_server1_set_total_connections (server1, stats.counters->accepted);
  rd_dbus_server1_set_messages_published (server1, stats.published);
  rd_dbus_server1_set_messages_delivered (server1, stats.counters->delivered);
  rd_dbus_server1_set_drain_seconds_left (server1, rd_drain_get_seconds_left (self->drain));
  rd_dbus_server1_set_bus_state (server1, bus_state);
}

/* Emits PropertiesChanged. Returns: whether a property has changed since the last call. Compares
 * values, because "notify" is also emitted for unchanged ones. */
static gboolean
signal_changes (RdService *self)
{
  g_autoptr (GVariant) old = g_steal_pointer (&self->signalled);

  set_properties (self);
  set_nodes (self);
  g_object_thaw_notify (G_OBJECT (self));
  g_object_freeze_notify (G_OBJECT (self));
  self->signalled = g_dbus_interface_skeleton_get_properties (G_DBUS_INTERFACE_SKELETON (self));
  return old == NULL || !g_variant_equal (old, self->signalled);
}

static void on_changed (RdService *self);

static void
on_poll (gpointer user_data)
{
  RdService *self = user_data;

  self->poll_id = 0;
  on_changed (self);
}

/* Schedules a poll of values that have no change signal, such as the remaining drain time. */
static void
schedule_poll (RdService *self)
{
  const gboolean is_quiet = rd_drain_is_running (self->drain)
                            && rd_manager_get_connections (self->manager) == 0;

  if (!is_quiet && self->poll_id == 0)
    self->poll_id = g_timeout_add_once (POLL_INTERVAL_MS, on_poll, self);
}

/* Signals changes; repeats this every REFRESH_INTERVAL_MS until nothing has changed. */
static void
on_refresh (gpointer user_data)
{
  RdService *self = user_data;

  self->refresh_id = 0;
  if (signal_changes (self))
    self->refresh_id = g_timeout_add_once (REFRESH_INTERVAL_MS, on_refresh, self);
  else
    schedule_poll (self);
}

/* Schedules PropertiesChanged, at the earliest REFRESH_INTERVAL_MS after the previous one. */
static void
on_changed (RdService *self)
{
  if (self->refresh_id == 0)
    self->refresh_id = g_timeout_add_once (0, on_refresh, self);
}

/* Signals the new drain state at once: the process may exit before the next refresh. */
static void
on_state_changed (RdService *self)
{
  signal_changes (self);
  g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (self));
  on_changed (self);
}

static void
on_progress (RdService *self, guint clients, guint seconds_left)
{
  rd_dbus_server1_emit_drain_progress (RD_DBUS_SERVER1 (self), clients, seconds_left);
  on_changed (self);
}

static gboolean
handle_set_client_signals (RdDBusServer1 *server1,
                           GDBusMethodInvocation *invocation,
                           gboolean enabled)
{
  RdService *self = RD_SERVICE (server1);
  const char *sender = g_dbus_method_invocation_get_sender (invocation);

  if (enabled)
    rd_subscribers_add (self->subscribers, g_dbus_method_invocation_get_connection (invocation),
                        sender);
  else
    rd_subscribers_remove (self->subscribers, sender);
  rd_dbus_server1_complete_set_client_signals (server1, invocation);
  return TRUE;
}

static gboolean
handle_shutdown (RdDBusServer1 *server1, GDBusMethodInvocation *invocation)
{
  rd_dbus_server1_complete_shutdown (server1, invocation); /* reply first: the process may exit */
  rd_drain_begin (RD_SERVICE (server1)->drain, -1);
  return TRUE;
}

static gboolean
handle_drain (RdDBusServer1 *server1, GDBusMethodInvocation *invocation, GVariant *options)
{
  guint32 seconds;
  const gboolean has_timeout = g_variant_lookup (options, "timeout", "u", &seconds);

  if (g_variant_n_children (options) > (has_timeout ? 1 : 0))
    {
      g_dbus_method_invocation_return_error_literal (
        invocation, RD_ERROR, RD_ERROR_INVALID_ARGUMENT,
        "unknown option; the only option is “timeout” (type u), in seconds");
      return TRUE;
    }

  rd_dbus_server1_complete_drain (server1, invocation); /* reply first: the process may exit */
  rd_drain_begin (RD_SERVICE (server1)->drain, has_timeout ? seconds * G_TIME_SPAN_SECOND : -1);
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

/* Returns: whether @signal has a handler. If it has none, replies to @invocation with an error. */
static gboolean
can_hand_over (RdService *self, const char *signal, GDBusMethodInvocation *invocation)
{
  if (g_signal_has_handler_pending (self, g_signal_lookup (signal, RD_TYPE_SERVICE), 0, FALSE))
    return TRUE;

  g_dbus_method_invocation_return_error_literal (invocation, RD_ERROR, RD_ERROR_HANDOVER_FAILED,
                                                 "this process cannot hand over its clients");
  return FALSE;
}

static gboolean
handle_upgrade (RdDBusServer1 *server1, GDBusMethodInvocation *invocation)
{
  RdService *self = RD_SERVICE (server1);

  if (can_hand_over (self, "upgrade", invocation))
    g_signal_emit_by_name (self, "upgrade", invocation);
  return TRUE;
}

/* Duplicates a file descriptor of a D-Bus message. @list: (nullable): all descriptors of the
 * message. @handle: index (type h) of the descriptor in @list. Returns: (transfer full): the
 * duplicate, or -1 with an error. */
static int
dup_descriptor (GUnixFDList *list, GVariant *handle, GError **error)
{
  const gint32 index = g_variant_get_handle (handle);
  g_autoptr (GError) reason = NULL;
  int fd;

  if (list == NULL || index < 0 || index >= g_unix_fd_list_get_length (list))
    {
      g_set_error (error, RD_ERROR, RD_ERROR_INVALID_ARGUMENT,
                   "the D-Bus message has no file descriptor with index %d", index);
      return -1;
    }

  fd = g_unix_fd_list_get (list, index, &reason);
  if (fd < 0)
    g_set_error (error, RD_ERROR, RD_ERROR_HANDOVER_FAILED, "cannot duplicate the socket: %s",
                 reason->message);
  return fd;
}

static gboolean
handle_hand_over (RdDBusServer1 *server1,
                  GDBusMethodInvocation *invocation,
                  GUnixFDList *descriptors,
                  GVariant *handle)
{
  RdService *self = RD_SERVICE (server1);
  g_autoptr (GError) error = NULL;
  int fd;

  if (!can_hand_over (self, "hand-over", invocation))
    return TRUE;

  fd = dup_descriptor (descriptors, handle, &error);
  if (fd < 0)
    g_dbus_method_invocation_return_gerror (invocation, error);
  else
    g_signal_emit_by_name (self, "hand-over", fd, invocation);
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
  const WsEngine *engine = rd_manager_get_engine (self->manager);
  const gsize max_message = ws_engine_get_options (engine)->max_message;
  char id[WS_ID_STRING_SIZE];

  if (!g_str_equal (topic, RD_TOPIC_BROADCAST))
    {
      g_dbus_method_invocation_return_error (invocation, RD_ERROR, RD_ERROR_NOT_FOUND,
                                             "unknown topic “%s”; the only topic is “%s”", topic,
                                             RD_TOPIC_BROADCAST);
      return TRUE;
    }
  if (message.size > max_message)
    {
      g_dbus_method_invocation_return_error (invocation, RD_ERROR, RD_ERROR_INVALID_ARGUMENT,
                                             "the message has %zu bytes; --max-message allows %zu",
                                             message.size, max_message);
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
  RdManager *manager = RD_SERVICE (server1)->manager;

  rd_dbus_server1_complete_list_clients (server1, invocation,
                                         rd_manager_to_variant (manager, G_MAXUINT));
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
  iface->handle_hand_over = handle_hand_over;
  iface->handle_list_clients = handle_list_clients;
  iface->handle_publish = handle_publish;
  iface->handle_set_client_signals = handle_set_client_signals;
  iface->handle_shutdown = handle_shutdown;
  iface->handle_upgrade = handle_upgrade;
}

/* Methods that are never forwarded, because they concern only the called process. */
static const char *const own_methods[] = { "HandOver", "SetClientSignals", "Upgrade", NULL };

static const GDBusInterfaceVTable *
get_inherited_vtable (RdService *self)
{
  return G_DBUS_INTERFACE_SKELETON_CLASS (rd_service_parent_class)
    ->get_vtable (G_DBUS_INTERFACE_SKELETON (self));
}

/* Handles a method call or passes it to the call forwarder, in the main loop: g_authorize_method
 * would do so in a thread. @invocation: (transfer full). */
static void
method_call (GDBusConnection *connection,
             const char *sender,
             const char *object_path,
             const char *interface_name,
             const char *method_name,
             GVariant *parameters,
             GDBusMethodInvocation *invocation,
             gpointer user_data)
{
  RdService *self = user_data;

  if (self->forwarder == NULL)
    get_inherited_vtable (self)->method_call (connection, sender, object_path, interface_name,
                                              method_name, parameters, invocation, user_data);
  else if (g_strv_contains (own_methods, method_name))
    rd_call_forwarder_refuse (invocation);
  else
    rd_call_forwarder_hold (self->forwarder, invocation);
}

/* Returns the current value of the property, even if it has not been signalled yet. */
static GVariant *
get_property (GDBusConnection *connection,
              const char *sender,
              const char *object_path,
              const char *interface_name,
              const char *property_name,
              GError **error,
              gpointer user_data)
{
  set_properties (user_data);
  if (g_str_equal (property_name, "Nodes"))
    set_nodes (user_data);
  return get_inherited_vtable (user_data)->get_property (
    connection, sender, object_path, interface_name, property_name, error, user_data);
}

static GDBusInterfaceVTable *
rd_service_get_vtable (GDBusInterfaceSkeleton *skeleton)
{
  return &RD_SERVICE (skeleton)->vtable;
}

static void
rd_service_finalize (GObject *object)
{
  RdService *self = RD_SERVICE (object);

  g_clear_handle_id (&self->refresh_id, g_source_remove);
  g_clear_handle_id (&self->poll_id, g_source_remove);
  g_clear_pointer (&self->signalled, g_variant_unref);
  rd_subscribers_free (self->subscribers);
  g_object_unref (self->nodes);
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

  g_signal_new ("upgrade", RD_TYPE_SERVICE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                G_TYPE_DBUS_METHOD_INVOCATION);
  g_signal_new ("hand-over", RD_TYPE_SERVICE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                2, G_TYPE_INT, G_TYPE_DBUS_METHOD_INVOCATION);
}

static void
rd_service_init (RdService *self)
{
  self->vtable = *get_inherited_vtable (self);
  self->vtable.method_call = method_call;
  self->vtable.get_property = get_property;
}

RdService *
rd_service_new (RdManager *manager,
                RdDrain *drain,
                RdBus *bus,
                RdNodes *nodes,
                const char *instance)
{
  RdService *self = g_object_new (RD_TYPE_SERVICE, "version", RINGDOWN_VERSION, "instance",
                                  instance != NULL ? instance : "", "addresses",
                                  (const char *[]){ NULL }, "generation", 1, "handover",
                                  g_variant_new ("a{sv}", NULL), NULL);

  self->manager = g_object_ref (manager);
  self->drain = g_object_ref (drain);
  self->bus = g_object_ref (bus);
  self->nodes = g_object_ref (nodes);
  g_signal_connect_object (manager, "connections-changed", G_CALLBACK (on_changed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (drain, "state-changed", G_CALLBACK (on_state_changed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (drain, "progress", G_CALLBACK (on_progress), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (bus, "message", G_CALLBACK (on_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (bus, "state-changed", G_CALLBACK (on_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (nodes, "changed", G_CALLBACK (on_changed), self, G_CONNECT_SWAPPED);
  self->subscribers = rd_subscribers_new (manager, RD_DBUS_SERVER1 (self));
  set_properties (self);
  set_nodes (self);
  g_object_freeze_notify (G_OBJECT (self));
  return self;
}

void
rd_service_retire (RdService *self, RdCallForwarder *forwarder)
{
  self->forwarder = forwarder;
}

void
rd_service_set_handover (RdService *self, const RdHandoverReport *report)
{
  RdDBusServer1 *server1 = RD_DBUS_SERVER1 (self);

  rd_dbus_server1_set_generation (server1, report->generation);
  rd_dbus_server1_set_handover (server1, rd_handover_report_to_vardict (report));
  on_changed (self);
}

RdSubscribers *
rd_service_get_subscribers (RdService *self)
{
  return self->subscribers;
}
