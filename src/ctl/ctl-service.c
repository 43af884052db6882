/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Connects to the service on a message bus, explains D-Bus errors to the user, and watches the
 * service for the command "monitor" and for the option --wait. */

#include "ctl-service.h"

#include <glib-unix.h>
#include <glib/gi18n.h>
#include <signal.h>

#include "rd-message-bus.h"

/* Time limit for each reply from the message bus or the service. */
#define TIMEOUT_S  10
#define TIMEOUT_MS (TIMEOUT_S * 1000)

#define HEARTBEAT_INTERVAL_S 5

/* Time limit for the service manager to start a new worker and pass the clients to it. */
#define RESTART_MS 3000

struct _CtlWatch
{
  RdDBusServer1 *service;       /* unowned: outlives us */
  GDBusConnection *connection;  /* unowned: belongs to service */
  const char *name;             /* unowned: bus name of service */
  const CtlWatchEvents *events; /* unowned: outlives us */
  gpointer user_data;
  GCancellable *cancellable; /* owned: for the heartbeat calls */
  GError *error;             /* owned, nullable */
  CtlWatchEnd end;
  char *owner;      /* owned, nullable: unique bus name of the current worker */
  guint generation; /* generation of the current worker */
  guint subscription;
  guint restart_id; /* the RESTART_MS timeout while no worker owns the bus name; otherwise 0 */
  gboolean has_ended;
  gboolean is_running; /* the last known state is "running" */
  gboolean is_drained; /* the last known state is "drained" */
  gboolean is_asked;   /* the reply to a heartbeat call is pending */
};

/* Returns: (transfer full) (nullable): the bus name, or NULL with an error for a bad option. */
static char *
read_name (const CtlArguments *arguments, GError **error)
{
  g_autofree char *name = rd_message_bus_dup_name (arguments->instance);

  if (arguments->system && arguments->address != NULL)
    ctl_fail (error, _ ("--system and --address cannot be combined; give only one of them"));
  else if (arguments->instance != NULL && (*arguments->instance == '\0' || !g_dbus_is_name (name)))
    ctl_fail (error, _ ("--instance=%s is empty or too long; give the name of an instance"),
              arguments->instance);
  else
    return g_steal_pointer (&name);
  return NULL;
}

static GDBusConnection *
reach_bus (const CtlArguments *arguments, GError **error)
{
  const GBusType type = arguments->system ? G_BUS_TYPE_SYSTEM : G_BUS_TYPE_SESSION;
  g_auto (GStrv) environment = g_get_environ ();
  g_autoptr (GError) cause = NULL;
  g_autofree char *address = arguments->address != NULL
                               ? g_strdup (arguments->address)
                               : rd_message_bus_dup_address (type, environment, &cause);
  GDBusConnection *connection = address != NULL
                                  ? rd_message_bus_connect (address, TIMEOUT_MS, &cause)
                                  : NULL;

  if (connection != NULL)
    return connection;

  if (arguments->address != NULL)
    /* Translators: a D-Bus address, and an error message */
    ctl_fail (error, _ ("cannot reach the message bus at %s: %s"), address, cause->message);
  else if (arguments->system)
    ctl_fail (error, _ ("cannot reach the system bus: %s"), cause->message);
  else
    ctl_fail (error, _ ("cannot reach the session bus: %s"), cause->message);
  return NULL;
}

static gboolean
fail_not_running (const CtlArguments *arguments, const char *name, GError **error)
{
  g_autofree char *unit = arguments->instance != NULL
                            ? g_strconcat ("ringdown@", arguments->instance, NULL)
                            : g_strdup ("ringdown");

  if (arguments->address != NULL)
    return ctl_fail (error,
                     _ ("no service %s on the message bus at %s; is it running, and on this bus?"),
                     name, arguments->address);
  if (arguments->system)
    return ctl_fail (
      error, _ ("no service %s on the system bus; start it with “systemctl start %s”"), name, unit);
  return ctl_fail (
    error, _ ("no service %s on the session bus; start it with “systemctl --user start %s”"), name,
    unit);
}

/* Requests the properties before GDBusProxy does, to report errors within the time limit.
 * GDBusProxy would wait up to 25 s for the reply, and would hide errors such as denied access. */
static gboolean
probe (GDBusConnection *connection, const CtlArguments *arguments, const char *name, GError **error)
{
  g_autoptr (GError) cause = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
    connection, name, RD_OBJECT_PATH, "org.freedesktop.DBus.Properties", "GetAll",
    g_variant_new ("(s)", RD_INTERFACE), G_VARIANT_TYPE ("(a{sv})"),
    G_DBUS_CALL_FLAGS_NO_AUTO_START, TIMEOUT_MS, NULL, &cause);

  if (reply != NULL)
    return TRUE;
  if (g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN)
      || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER))
    return fail_not_running (arguments, name, error);
  g_propagate_error (error, g_steal_pointer (&cause));
  return FALSE;
}

/* Returns: FALSE with an error if a property is missing or has the wrong type; otherwise TRUE. */
static gboolean
check_properties (RdDBusServer1 *service, GError **error)
{
  GDBusProxy *proxy = G_DBUS_PROXY (service); /* GDBusProxy discards values of the wrong type */
  const GDBusInterfaceInfo *info = g_dbus_proxy_get_interface_info (proxy);

  for (gsize i = 0; info->properties[i] != NULL; i++)
    {
      const char *name = info->properties[i]->name;
      g_autoptr (GVariant) value = g_dbus_proxy_get_cached_property (proxy, name);

      if (value == NULL)
        return ctl_fail (error,
                         _ ("%s lacks the property %s; is it another program, or another version?"),
                         g_dbus_proxy_get_name (proxy), name);
    }
  return TRUE;
}

RdDBusServer1 *
ctl_service_new (const CtlArguments *arguments, gboolean needs_properties, GError **error)
{
  g_autofree char *name = read_name (arguments, error);
  g_autoptr (GDBusConnection) connection = name != NULL ? reach_bus (arguments, error) : NULL;
  g_autoptr (RdDBusServer1) service = NULL;

  if (connection == NULL || !probe (connection, arguments, name, error))
    return NULL;

  service = rd_dbus_server1_proxy_new_sync (connection, G_DBUS_PROXY_FLAGS_DO_NOT_AUTO_START, name,
                                            RD_OBJECT_PATH, NULL, error);
  if (service == NULL || (needs_properties && !check_properties (service, error)))
    return NULL;

  g_dbus_proxy_set_default_timeout (G_DBUS_PROXY (service), TIMEOUT_MS);
  return g_steal_pointer (&service);
}

gboolean
ctl_service_explain (const CtlArguments *arguments, GError **error)
{
  g_autofree char *name = rd_message_bus_dup_name (arguments->instance);
  g_autoptr (GError) cause = g_steal_pointer (error);

  if (g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED))
    return ctl_fail (error,
                     _ ("access to %s is denied by the message bus; try as another user, such as "
                        "root"),
                     name);
  if (g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_TIMED_OUT)
      || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_TIMEOUT))
    return ctl_fail (error, _ ("no answer from %s within %d s; is it suspended, or overloaded?"),
                     name, TIMEOUT_S);
  if (g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY)
      || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN)
      || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER))
    return ctl_fail (error, _ ("%s ended before it answered; see its log"), name);
  if (g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD)
      || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT)
      || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_INTERFACE))
    return ctl_fail (
      error, _ ("%s does not know this command; is it another program, or another version?"), name);
  if (g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_CLOSED))
    return ctl_fail (error, _ ("the message bus has closed the connection"));

  g_dbus_error_strip_remote_error (cause);
  return ctl_fail (error, "%s", cause->message);
}

/* Ends the watch, unless it has already ended. @error: (transfer full) (nullable). */
static void
end (CtlWatch *self, CtlWatchEnd how, GError *error)
{
  if (self->has_ended)
    {
      g_clear_error (&error);
      return;
    }

  self->has_ended = TRUE;
  self->end = how;
  self->error = error;
}

static void
end_vanished (CtlWatch *self)
{
  if (self->is_drained)
    end (self, CTL_WATCH_DRAINED, NULL);
  else
    end (self, CTL_WATCH_FAILED,
         g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED,
                      _ ("%s ended before it was drained; see its log"), self->name));
}

static gboolean
on_restart_over (gpointer user_data)
{
  end_vanished (user_data);
  return G_SOURCE_CONTINUE;
}

/* Accepts @owner as the new worker. Returns: TRUE, or FALSE if this failed and ended the watch. */
static gboolean
accept_owner (CtlWatch *self, const char *owner)
{
  const guint generation = rd_dbus_server1_get_generation (self->service);
  GError *error = NULL;

  if (!check_properties (self->service, &error))
    {
      end (self, CTL_WATCH_FAILED, error);
      return FALSE;
    }
  if (generation <= self->generation) /* the restart has disconnected the clients */
    {
      end_vanished (self);
      return FALSE;
    }

  g_clear_handle_id (&self->restart_id, g_source_remove);
  g_free (self->owner);
  self->owner = g_strdup (owner);
  self->generation = generation;
  return TRUE;
}

static void
on_properties (CtlWatch *self)
{
  g_autofree char *owner = g_dbus_proxy_get_name_owner (G_DBUS_PROXY (self->service));
  const char *state = rd_dbus_server1_get_state (self->service);

  if (self->has_ended || state == NULL) /* NULL: no worker owns the bus name */
    return;
  if (g_strcmp0 (owner, self->owner) != 0 && !accept_owner (self, owner))
    return;

  self->is_running = g_str_equal (state, "running");
  self->is_drained = g_str_equal (state, "drained");
  self->events->properties (self->user_data);
}

/* Called when the bus name gets a new owner or loses its owner. If the properties of a new owner
 * are known, on_properties() has already accepted this owner. */
static void
on_owner_changed (CtlWatch *self)
{
  g_autofree char *owner = g_dbus_proxy_get_name_owner (G_DBUS_PROXY (self->service));

  if (owner != NULL && g_strcmp0 (owner, self->owner) != 0)
    accept_owner (self, owner);
  else if (owner == NULL && !self->is_running)
    end_vanished (self);
  else if (owner == NULL && self->restart_id == 0)
    self->restart_id = g_timeout_add (RESTART_MS, on_restart_over, self);
}

static void
on_bus_closed (CtlWatch *self)
{
  /* ctl_service_explain() replaces the message */
  end (self, CTL_WATCH_FAILED, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, "closed"));
}

static gboolean
on_signal (gpointer user_data)
{
  end (user_data, CTL_WATCH_INTERRUPTED, NULL);
  return G_SOURCE_CONTINUE;
}

static void
on_heartbeat (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result,
                                                              &error);
  CtlWatch *self = user_data;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return; /* cancelled because @self has been freed */

  self->is_asked = FALSE;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    end (self, CTL_WATCH_FAILED, g_steal_pointer (&error));
}

/* Calls the service to check that it replies, because a suspended process keeps its bus name. */
static gboolean
on_heartbeat_due (gpointer user_data)
{
  CtlWatch *self = user_data;

  if (self->is_asked || self->restart_id != 0)
    return G_SOURCE_CONTINUE;

  self->is_asked = TRUE;
  g_dbus_connection_call (
    self->connection, self->name, RD_OBJECT_PATH, "org.freedesktop.DBus.Properties", "GetAll",
    g_variant_new ("(s)", RD_INTERFACE), NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START, TIMEOUT_MS,
    self->cancellable, on_heartbeat, self);
  return G_SOURCE_CONTINUE;
}

/* Handles D-Bus signals without GDBusProxy, which drops signals of a new worker until it has
 * loaded the properties of that worker. */
static void
on_service_signal (GDBusConnection *connection,
                   const char *sender,
                   const char *path,
                   const char *interface,
                   const char *member,
                   GVariant *arguments,
                   gpointer user_data)
{
  CtlWatch *self = user_data;
  const CtlWatchEvents *events = self->events;
  const char *type = g_variant_get_type_string (arguments);
  const char *remote;
  guint64 id;
  guint16 code;
  guint clients, seconds_left;

  if (g_str_equal (member, "ClientConnected") && g_str_equal (type, "(ts)")
      && events->client_connected != NULL)
    {
      g_variant_get (arguments, "(t&s)", &id, &remote);
      events->client_connected (self->user_data, id, remote);
    }
  else if (g_str_equal (member, "ClientDisconnected") && g_str_equal (type, "(tq)"))
    {
      g_variant_get (arguments, "(tq)", &id, &code);
      events->client_disconnected (self->user_data, id, code);
    }
  else if (g_str_equal (member, "DrainProgress") && g_str_equal (type, "(uu)"))
    {
      g_variant_get (arguments, "(uu)", &clients, &seconds_left);
      events->drain_progress (self->user_data, clients, seconds_left);
    }
}

CtlWatch *
ctl_watch_new (RdDBusServer1 *service,
               const CtlWatchEvents *events,
               gpointer user_data,
               GError **error)
{
  g_autoptr (CtlWatch) self = g_new0 (CtlWatch, 1);

  self->service = service;
  self->connection = g_dbus_proxy_get_connection (G_DBUS_PROXY (service));
  self->name = g_dbus_proxy_get_name (G_DBUS_PROXY (service));
  self->events = events;
  self->user_data = user_data;
  self->cancellable = g_cancellable_new ();
  self->subscription = g_dbus_connection_signal_subscribe (
    self->connection, self->name, RD_INTERFACE, NULL, RD_OBJECT_PATH, NULL,
    G_DBUS_SIGNAL_FLAGS_NONE, on_service_signal, self, NULL);
  g_signal_connect_swapped (self->connection, "closed", G_CALLBACK (on_bus_closed), self);
  g_signal_connect_swapped (self->service, "notify::g-name-owner", G_CALLBACK (on_owner_changed),
                            self);
  g_signal_connect_swapped (self->service, "g-properties-changed", G_CALLBACK (on_properties),
                            self);
  if (!rd_dbus_server1_call_set_client_signals_sync (self->service, TRUE, NULL, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
ctl_watch_free (CtlWatch *self)
{
  g_cancellable_cancel (self->cancellable);
  g_clear_handle_id (&self->restart_id, g_source_remove);
  g_signal_handlers_disconnect_by_data (self->service, self);
  g_signal_handlers_disconnect_by_data (self->connection, self);
  g_dbus_connection_signal_unsubscribe (self->connection, self->subscription);
  g_object_unref (self->cancellable);
  g_clear_error (&self->error);
  g_free (self->owner);
  g_free (self);
}

static guint
catch_signal (CtlWatch *self, int number)
{
  const guint id = g_unix_signal_add (number, on_signal, self);
  struct sigaction action;

  /* clears SA_RESTART (set by GLib), so that a signal interrupts a blocked write */
  sigaction (number, NULL, &action);
  action.sa_flags &= ~SA_RESTART;
  sigaction (number, &action, NULL);
  return id;
}

CtlWatchEnd
ctl_watch_run (CtlWatch *self, GError **error)
{
  const guint sources[] = { catch_signal (self, SIGINT), catch_signal (self, SIGTERM),
                            g_timeout_add_seconds (HEARTBEAT_INTERVAL_S, on_heartbeat_due, self) };

  self->owner = g_dbus_proxy_get_name_owner (G_DBUS_PROXY (self->service));
  self->generation = rd_dbus_server1_get_generation (self->service);
  on_properties (self);
  while (!self->has_ended)
    g_main_context_iteration (NULL, TRUE);
  for (gsize i = 0; i < G_N_ELEMENTS (sources); i++)
    g_source_remove (sources[i]);

  if (self->error != NULL)
    g_propagate_error (error, g_steal_pointer (&self->error));
  return self->end;
}

void
ctl_watch_stop (CtlWatch *self)
{
  end (self, CTL_WATCH_STOPPED, NULL);
}
