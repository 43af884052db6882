/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The D-Bus object. Translates between D-Bus and the core: methods into calls, changes into
 * properties and signals, at a rate that a bus can bear. Decides nothing, and keeps nothing but who
 * listens and what was said last. Hand-overs are somebody else's, who listens to our signals. */

#include "rd-service.h"

#include "rd-audience.h"
#include "rd-error.h"
#include "rd-vardicts.h"

#include <gio/gunixfdlist.h>
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
  RdNodes *nodes;     /* owned */
  GDBusInterfaceVTable vtable;
  Snapshot told; /* as the properties were signalled last */
  guint refresh_id;
  guint look_id;
  RdAudience *listeners; /* owned: to what is told of clients */
  gulong connected_id;   /* signal handlers on manager, while somebody listens */
  gulong disconnected_id;
  RdRelay *relay; /* unowned, nullable: we are the service */
};

enum
{
  SIGNAL_UPGRADE,
  SIGNAL_HAND_OVER,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

static void server1_iface_init (RdDBusServer1Iface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (RdService,
                               rd_service,
                               RD_DBUS_TYPE_SERVER1_SKELETON,
                               G_IMPLEMENT_INTERFACE (RD_DBUS_TYPE_SERVER1, server1_iface_init))

/* Apart from the others, as it may be long. */
static void
set_nodes (RdService *self)
{
  rd_dbus_server1_set_nodes (RD_DBUS_SERVER1 (self), rd_vardicts_of_nodes (self->nodes));
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

  ws_engine_get_stats (rd_manager_get_engine (self->manager), &stats);
  now.state = rd_drain_get_state (self->drain);
  now.connections = rd_manager_get_connections (self->manager);
  now.seconds_left = rd_drain_get_seconds_left (self->drain);
  now.peak = stats.counters->peak;
  now.total = stats.counters->accepted;
  now.published = stats.published;
  now.delivered = stats.counters->delivered;
  now.others = rd_nodes_get_generation (self->nodes);

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
  if (rd_audience_is_empty (self->listeners))
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

static gboolean
handle_set_client_signals (RdDBusServer1 *server1,
                           GDBusMethodInvocation *invocation,
                           gboolean enabled)
{
  RdService *self = RD_SERVICE (server1);
  const char *sender = g_dbus_method_invocation_get_sender (invocation);

  if (enabled)
    rd_audience_add (self->listeners, g_dbus_method_invocation_get_connection (invocation), sender);
  else
    rd_audience_remove (self->listeners, sender);
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

/* Whether somebody is there to take up @signal; else the caller is told so. */
static gboolean
can_hand_over (RdService *self, guint signal, GDBusMethodInvocation *invocation)
{
  if (g_signal_has_handler_pending (self, signals[signal], 0, FALSE))
    return TRUE;

  g_dbus_method_invocation_return_error_literal (
    invocation, RD_ERROR, RD_ERROR_HANDOVER_FAILED,
    _ ("this process cannot have another one go on with its clients"));
  return FALSE;
}

static gboolean
handle_upgrade (RdDBusServer1 *server1, GDBusMethodInvocation *invocation)
{
  RdService *self = RD_SERVICE (server1);

  if (can_hand_over (self, SIGNAL_UPGRADE, invocation))
    g_signal_emit (self, signals[SIGNAL_UPGRADE], 0, invocation);
  return TRUE;
}

/* Returns: (transfer full): the descriptor that @handle stands for, or -1. */
static int
receive_descriptor (GUnixFDList *list, GVariant *handle, GError **error)
{
  const gint32 index = g_variant_get_handle (handle);
  g_autoptr (GError) why = NULL;
  int fd;

  if (list == NULL || index < 0 || index >= g_unix_fd_list_get_length (list))
    {
      g_set_error (error, RD_ERROR, RD_ERROR_INVALID_ARGUMENT,
                   _ ("HandOver takes a socket: %d is none of the descriptors sent along"), index);
      return -1;
    }

  fd = g_unix_fd_list_get (list, index, &why);
  if (fd < 0)
    g_set_error (error, RD_ERROR, RD_ERROR_HANDOVER_FAILED, _ ("cannot take the socket: %s"),
                 why->message);
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

  if (!can_hand_over (self, SIGNAL_HAND_OVER, invocation))
    return TRUE;

  fd = receive_descriptor (descriptors, handle, &error);
  if (fd < 0)
    g_dbus_method_invocation_return_gerror (invocation, error);
  else
    g_signal_emit (self, signals[SIGNAL_HAND_OVER], 0, fd, invocation);
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
  GVariant *clients = rd_vardicts_of_clients (RD_SERVICE (server1)->manager);

  rd_dbus_server1_complete_list_clients (server1, invocation, clients);
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

static const GDBusInterfaceVTable *
get_inherited_vtable (RdService *self)
{
  return G_DBUS_INTERFACE_SKELETON_CLASS (rd_service_parent_class)
    ->get_vtable (G_DBUS_INTERFACE_SKELETON (self));
}

/* What these do is of the process that they were asked of. */
static const char *const personal[] = { "HandOver", "SetClientSignals", "Upgrade", NULL };

/* Not everything is asked of us while we are the service. @invocation: (transfer full). */
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

  if (self->relay == NULL)
    get_inherited_vtable (self)->method_call (connection, sender, object_path, interface_name,
                                              method_name, parameters, invocation, user_data);
  else if (g_strv_contains (personal, method_name))
    rd_relay_refuse (invocation);
  else
    rd_relay_hold (self->relay, invocation);
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
  g_clear_handle_id (&self->look_id, g_source_remove);
  rd_audience_free (self->listeners);
  g_clear_signal_handler (&self->connected_id, self->manager);
  g_clear_signal_handler (&self->disconnected_id, self->manager);
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

  signals[SIGNAL_UPGRADE] = g_signal_new ("upgrade", RD_TYPE_SERVICE, G_SIGNAL_RUN_LAST, 0, NULL,
                                          NULL, NULL, G_TYPE_NONE, 1,
                                          G_TYPE_DBUS_METHOD_INVOCATION);
  signals[SIGNAL_HAND_OVER] = g_signal_new ("hand-over", RD_TYPE_SERVICE, G_SIGNAL_RUN_LAST, 0,
                                            NULL, NULL, NULL, G_TYPE_NONE, 2, G_TYPE_INT,
                                            G_TYPE_DBUS_METHOD_INVOCATION);
}

static void
rd_service_init (RdService *self)
{
  self->vtable = *get_inherited_vtable (self);
  self->vtable.method_call = method_call;
  self->vtable.get_property = get_property;
  self->listeners = rd_audience_new ((void (*) (gpointer)) follow_listeners, self);
}

static void
show_handover (RdService *self, const RdHandoverReport *report)
{
  RdDBusServer1 *server1 = RD_DBUS_SERVER1 (self);

  rd_dbus_server1_set_generation (server1, report->generation);
  rd_dbus_server1_set_handover (server1, rd_handover_report_to_vardict (report));
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
                                  (const char *[]){ NULL }, NULL);

  self->manager = g_object_ref (manager);
  self->drain = g_object_ref (drain);
  self->bus = g_object_ref (bus);
  self->nodes = g_object_ref (nodes);
  g_signal_connect_object (manager, "notify::connections", G_CALLBACK (on_changed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (drain, "notify::state", G_CALLBACK (on_state_changed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (drain, "progress", G_CALLBACK (on_progress), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (bus, "message", G_CALLBACK (on_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (bus, "notify::state", G_CALLBACK (on_changed), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (nodes, "changed", G_CALLBACK (on_changed), self, G_CONNECT_SWAPPED);
  self->told = set_properties (self);
  set_nodes (self);
  show_handover (self, &(RdHandoverReport){ .generation = 1 });
  g_object_freeze_notify (G_OBJECT (self));
  return self;
}

void
rd_service_retire (RdService *self, RdRelay *relay)
{
  self->relay = relay;
}

void
rd_service_set_handover (RdService *self, const RdHandoverReport *report)
{
  show_handover (self, report);
  on_changed (self);
}

GVariant *
rd_service_pack_listeners (RdService *self)
{
  return rd_audience_pack (self->listeners);
}

void
rd_service_unpack_listeners (RdService *self, GVariant *names, GDBusConnection *connection)
{
  rd_audience_unpack (self->listeners, names, connection);
}
