/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Watches the service for the command "monitor" and for the option --wait. */

#include "ctl-watch.h"

#include <glib-unix.h>
#include <glib/gi18n.h>
#include <signal.h>

#include "rd-message-bus.h"

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

  if (!ctl_service_check (self->service, &error))
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
    g_variant_new ("(s)", RD_INTERFACE), NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START,
    CTL_SERVICE_TIMEOUT_S * 1000, self->cancellable, on_heartbeat, self);
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
