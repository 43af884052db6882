/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Finds out when there is nothing more to follow: the service or the bus is gone, the service
 * hangs, the user or the reader of our output has had enough. A process that goes on with the
 * clients of the one before is the same service. What happens meanwhile, and what an end means, is
 * for the command that runs it. */

#include "ctl-watch.h"

#include <glib-unix.h>
#include <glib/gi18n.h>
#include <signal.h>
#include <unistd.h>

#include "ctl-error.h"

#define HEARTBEAT_INTERVAL_S 5

/* For a service manager to start the next process, once the last one has left it the clients. */
#define RESTART_MS 3000

struct _CtlWatch
{
  CtlService *service;       /* unowned: outlives us */
  GMainLoop *loop;           /* owned */
  guint generation;          /* of the process that is followed */
  GCancellable *cancellable; /* owned */
  GCancellable *loading;     /* owned, nullable: of what its successor tells */
  CtlWatchEnd end;
  GError *error; /* owned */
  gulong owner_handler;
  gulong closed_handler;
  gulong properties_handler;
  guint heartbeat_id;
  guint restart_id; /* there is no process now, and may be one soon */
  guint sigint_id;
  guint sigterm_id;
  guint output_id;
  gboolean has_ended;
  gboolean is_running; /* and did not drain when it was last heard of */
  gboolean is_asked;   /* and has not answered yet */
};

static void
end (CtlWatch *self, CtlWatchEnd how)
{
  if (self->has_ended) /* the first reason counts */
    return;

  self->has_ended = TRUE;
  self->end = how;
  g_main_loop_quit (self->loop);
}

/* @error: (transfer full) */
static void
fail (CtlWatch *self, GError *error)
{
  if (self->has_ended)
    g_error_free (error);
  else
    self->error = error;
  end (self, CTL_WATCH_FAILED);
}

static void
tell_properties (RdDBusServer1 *proxy)
{
  const char *const none[] = { NULL };
  g_autoptr (GVariant) unknown = g_variant_ref_sink (g_variant_new ("a{sv}", NULL));

  g_signal_emit_by_name (proxy, "g-properties-changed", unknown, none);
}

static void
on_loaded (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  const gboolean is_loaded = ctl_service_load_finish (result, &error);
  CtlWatch *self = user_data;
  RdDBusServer1 *proxy;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return; /* and there may be no self any more */
  if (!is_loaded)
    {
      fail (self, g_steal_pointer (&error));
      return;
    }

  proxy = ctl_service_get_proxy (self->service);
  if (rd_dbus_server1_get_generation (proxy) <= self->generation)
    {
      end (self, CTL_WATCH_VANISHED); /* another has taken the name, but not the clients */
      return;
    }
  self->generation = rd_dbus_server1_get_generation (proxy);
  tell_properties (proxy);
}

static void
note_state (CtlWatch *self)
{
  const char *state = rd_dbus_server1_get_state (ctl_service_get_proxy (self->service));

  if (state != NULL) /* else there is no process to have one */
    self->is_running = g_str_equal (state, "running");
}

static gboolean
on_restart_over (gpointer user_data)
{
  CtlWatch *self = user_data;

  self->restart_id = 0;
  end (self, CTL_WATCH_VANISHED);
  return G_SOURCE_REMOVE;
}

static void
on_owner_changed (CtlWatch *self, GParamSpec *pspec, GDBusProxy *proxy)
{
  g_autofree char *owner = g_dbus_proxy_get_name_owner (proxy);

  g_clear_handle_id (&self->restart_id, g_source_remove);
  g_cancellable_cancel (self->loading);
  g_clear_object (&self->loading);
  if (owner != NULL)
    {
      self->loading = g_cancellable_new ();
      ctl_service_load_async (self->service, self->loading, on_loaded, self);
    }
  else if (self->is_running)
    self->restart_id = g_timeout_add (RESTART_MS, on_restart_over, self);
  else
    end (self, CTL_WATCH_VANISHED);
}

static void
on_bus_closed (CtlWatch *self)
{
  fail (self, g_error_new_literal (CTL_ERROR, CTL_ERROR_FAILED, _ ("the message bus is gone")));
}

static gboolean
on_signal (gpointer user_data)
{
  end (user_data, CTL_WATCH_INTERRUPTED);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_output_closed (int fd, GIOCondition condition, gpointer user_data)
{
  CtlWatch *self = user_data;

  self->output_id = 0;
  end (self, CTL_WATCH_UNREAD);
  return G_SOURCE_REMOVE;
}

static void
on_heartbeat (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  GVariant *reply = g_dbus_proxy_call_finish (G_DBUS_PROXY (source), result, &error);
  CtlWatch *self = user_data;

  g_clear_pointer (&reply, g_variant_unref); /* that there is one, is all */
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return; /* and there is no self any more */

  self->is_asked = FALSE;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    {
      ctl_service_explain (self->service, &error);
      fail (self, g_steal_pointer (&error));
    }
}

/* A service that is stopped stays on the bus, and says nothing: only asking finds that out. */
static gboolean
on_heartbeat_due (gpointer user_data)
{
  CtlWatch *self = user_data;
  GDBusProxy *proxy = G_DBUS_PROXY (ctl_service_get_proxy (self->service));

  if (self->is_asked || self->restart_id != 0)
    return G_SOURCE_CONTINUE;

  self->is_asked = TRUE;
  g_dbus_proxy_call (proxy, "org.freedesktop.DBus.Properties.Get",
                     g_variant_new ("(ss)", g_dbus_proxy_get_interface_name (proxy), "State"),
                     G_DBUS_CALL_FLAGS_NONE, -1, self->cancellable, on_heartbeat, self);
  return G_SOURCE_CONTINUE;
}

CtlWatch *
ctl_watch_new (CtlService *service)
{
  GDBusProxy *proxy = G_DBUS_PROXY (ctl_service_get_proxy (service));
  GDBusConnection *connection = ctl_service_get_connection (service);
  CtlWatch *self = g_new0 (CtlWatch, 1);

  self->service = service;
  self->loop = g_main_loop_new (NULL, FALSE);
  self->cancellable = g_cancellable_new ();
  self->owner_handler = g_signal_connect_swapped (proxy, "notify::g-name-owner",
                                                  G_CALLBACK (on_owner_changed), self);
  self->properties_handler = g_signal_connect_swapped (proxy, "g-properties-changed",
                                                       G_CALLBACK (note_state), self);
  self->closed_handler = g_signal_connect_swapped (connection, "closed", G_CALLBACK (on_bus_closed),
                                                   self);
  self->heartbeat_id = g_timeout_add_seconds (HEARTBEAT_INTERVAL_S, on_heartbeat_due, self);
  return self;
}

void
ctl_watch_free (CtlWatch *self)
{
  g_cancellable_cancel (self->loading);
  g_cancellable_cancel (self->cancellable);
  g_clear_handle_id (&self->output_id, g_source_remove);
  g_clear_handle_id (&self->sigterm_id, g_source_remove);
  g_clear_handle_id (&self->sigint_id, g_source_remove);
  g_clear_handle_id (&self->heartbeat_id, g_source_remove);
  g_clear_handle_id (&self->restart_id, g_source_remove);
  g_clear_signal_handler (&self->properties_handler, ctl_service_get_proxy (self->service));
  g_clear_signal_handler (&self->closed_handler, ctl_service_get_connection (self->service));
  g_clear_signal_handler (&self->owner_handler, ctl_service_get_proxy (self->service));
  g_clear_object (&self->loading);
  g_object_unref (self->cancellable);
  g_clear_error (&self->error);
  g_main_loop_unref (self->loop);
  g_free (self);
}

void
ctl_watch_output (CtlWatch *self)
{
  if (self->output_id == 0)
    self->output_id = g_unix_fd_add (STDOUT_FILENO, G_IO_ERR, on_output_closed, self);
}

static guint
catch_signal (CtlWatch *self, int number)
{
  const guint id = g_unix_signal_add (number, on_signal, self);
  struct sigaction action;

  /* GLib's handler lets a write go on that waits for a reader: we would not hear of the signal */
  sigaction (number, NULL, &action);
  action.sa_flags &= ~SA_RESTART;
  sigaction (number, &action, NULL);
  return id;
}

void
ctl_watch_signals (CtlWatch *self)
{
  self->sigint_id = catch_signal (self, SIGINT);
  self->sigterm_id = catch_signal (self, SIGTERM);
}

CtlWatchEnd
ctl_watch_run (CtlWatch *self, GError **error)
{
  self->generation = rd_dbus_server1_get_generation (ctl_service_get_proxy (self->service));
  note_state (self);
  if (!self->has_ended)
    g_main_loop_run (self->loop);
  if (self->error != NULL)
    g_propagate_error (error, g_steal_pointer (&self->error));
  return self->end;
}

void
ctl_watch_stop (CtlWatch *self)
{
  end (self, CTL_WATCH_STOPPED);
}
