/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Reports the state of the service to systemd. STOPPING=1 cannot be undone: systemd then kills the
 * unit when its stop timeout expires. STOPPING=1 is therefore sent only after a stop signal, when
 * systemd is already stopping the unit, and at the end of a drain, when the drain can no longer be
 * cancelled. While the service drains or stops, every report extends the stop timeout. */

#include "rd-systemd.h"

#include <gio/gio.h>
#include <unistd.h>

#include "rd-notify-socket.h"
#include "rd-text.h"
#include "rd-units.h"

#define REFRESH_MS       1000 /* minimum time between two reports */
#define PING_MS_MAX      (24 * 3600 * 1000)
#define TIMEOUT_US       (2 * G_TIME_SPAN_SECOND)
#define STORE_TIMEOUT_US (5 * G_TIME_SPAN_SECOND)
#define SHOWN_MAX        64 /* maximum number of characters of a variable's value in a warning */

/* Extends the start or stop timeout to 30 s from now. While the service drains or stops, every
 * report to systemd contains this line, because a report may be lost. */
#define EXTEND_TIMEOUT "EXTEND_TIMEOUT_USEC=30000000\n"

#define PING "WATCHDOG=1\n"

struct _RdSystemd
{
  RdManager *manager;     /* owned; NULL after retire() */
  RdDrain *drain;         /* owned; NULL after retire() */
  RdBus *bus;             /* owned; NULL after retire() */
  RdNotifySocket *socket; /* owned; NULL: no service manager */
  guint ping_ms;          /* ping interval; 0: no watchdog */
  gboolean is_ready_sent;
  gboolean is_stopping; /* STOPPING=1 was sent */
  char *status;         /* owned, nullable: last STATUS= sent */
  guint refresh_id;
  guint ping_id;
};

static RdNotifySocket *
open_socket (char **environment)
{
  const char *address = g_environ_getenv (environment, "NOTIFY_SOCKET");
  g_autoptr (GError) error = NULL;
  RdNotifySocket *socket;

  if (address == NULL || *address == '\0')
    return NULL;

  socket = rd_notify_socket_new (address, &error);
  if (socket == NULL)
    g_warning ("Cannot notify the service manager: %s", error->message);
  return socket;
}

/* Returns: interval of watchdog pings in ms (half the watchdog timeout); 0: no watchdog. */
static guint
read_ping_interval (char **environment)
{
  const char *pid = g_environ_getenv (environment, "WATCHDOG_PID");
  const char *text = g_environ_getenv (environment, "WATCHDOG_USEC");
  g_autofree char *own_pid = g_strdup_printf ("%d", (int) getpid ());
  g_autofree char *shown = NULL;
  guint64 timeout_us;

  if (text == NULL || (pid != NULL && !g_str_equal (pid, own_pid)))
    return 0;
  if (g_ascii_string_to_unsigned (text, 10, 1, G_MAXINT64, &timeout_us, NULL))
    return CLAMP (timeout_us / 2 / 1000, 1, PING_MS_MAX);

  shown = rd_text_printable (text, SHOWN_MAX);
  g_warning ("WATCHDOG_USEC is “%s”, not a number of microseconds: sending no watchdog pings",
             shown);
  return 0;
}

/* Returns: (transfer full): the status text shown by “systemctl status”. */
static char *
describe (RdSystemd *self)
{
  const guint n = rd_manager_get_connections (self->manager);
  const guint seconds_left = rd_drain_get_seconds_left (self->drain);
  g_autofree char *clients = g_strdup_printf (n == 1 ? "%u client" : "%u clients", n);
  g_autofree char *left = rd_units_format_seconds (seconds_left);

  if (rd_drain_is_drained (self->drain))
    return g_strdup ("drained");
  if (!rd_drain_is_running (self->drain) && seconds_left == 0)
    return g_strdup_printf ("closing %s", clients);
  if (!rd_drain_is_running (self->drain))
    return g_strdup_printf ("draining: %s, %s left", clients, left);
  if (self->is_stopping)
    return g_strdup_printf ("%s; drain cancelled, but the unit is stopping: end it with "
                            "“ringdownctl shutdown”",
                            clients);

  return g_strdup_printf ("%s; messages published: %" G_GUINT64_FORMAT, clients,
                          ws_engine_get_stats (rd_manager_get_engine (self->manager)).published);
}

/* Reports changes since the last report. Returns: FALSE if there was nothing to send. */
static gboolean
report (RdSystemd *self)
{
  const gboolean needs_time = self->is_stopping || !rd_drain_is_running (self->drain);
  g_autofree char *status = describe (self);
  g_autoptr (GString) text = g_string_new (NULL);

  if (!self->is_ready_sent)
    g_string_append (text, "READY=1\n");
  if (needs_time)
    g_string_append (text, EXTEND_TIMEOUT);
  if (g_strcmp0 (status, self->status) != 0)
    g_string_append_printf (text, "STATUS=%s\n", status);
  if (text->len == 0)
    return FALSE;

  if (rd_notify_socket_send (self->socket, text->str)) /* unsent changes go into the next report */
    {
      self->is_ready_sent = TRUE;
      g_free (self->status);
      self->status = g_steal_pointer (&status);
    }
  return TRUE;
}

static void
on_refresh (gpointer user_data)
{
  RdSystemd *self = user_data;

  self->refresh_id = 0;
  if (report (self))
    self->refresh_id = g_timeout_add_once (REFRESH_MS, on_refresh, self);
}

/* Schedules a report, at the earliest REFRESH_MS after the previous report. */
static void
on_changed (RdSystemd *self)
{
  if (self->refresh_id == 0)
    self->refresh_id = g_timeout_add_once (0, on_refresh, self);
}

static void
on_state_changed (RdSystemd *self)
{
  if (rd_drain_is_drained (self->drain))
    {
      rd_systemd_stopping (self); /* not earlier: a drain in progress can still be cancelled */
      report (self);
      return;
    }

  if (!rd_drain_is_running (self->drain)) /* extends a stop timeout that runs already */
    rd_notify_socket_send (self->socket, EXTEND_TIMEOUT);
  else if (self->is_stopping)
    g_warning (
      "Drain cancelled and clients stay connected, but the service manager is still stopping this "
      "unit. To leave this state, run “ringdownctl shutdown”, then start the unit again");
  on_changed (self);
}

static gboolean
on_ping (gpointer user_data)
{
  RdSystemd *self = user_data;

  rd_notify_socket_send (self->socket, PING);
  return G_SOURCE_CONTINUE;
}

RdSystemd *
rd_systemd_new (RdManager *manager, RdDrain *drain, RdBus *bus, char **environment)
{
  RdSystemd *self = g_new0 (RdSystemd, 1);

  self->manager = g_object_ref (manager);
  self->drain = g_object_ref (drain);
  self->bus = g_object_ref (bus);
  self->socket = open_socket (environment);
  if (self->socket != NULL)
    self->ping_ms = read_ping_interval (environment);
  return self;
}

/* Stops reports and watchdog pings; releases the core objects. */
static void
retire (RdSystemd *self)
{
  g_clear_handle_id (&self->refresh_id, g_source_remove);
  g_clear_handle_id (&self->ping_id, g_source_remove);
  if (self->manager == NULL)
    return;

  g_signal_handlers_disconnect_by_data (self->manager, self);
  g_signal_handlers_disconnect_by_data (self->drain, self);
  g_signal_handlers_disconnect_by_data (self->bus, self);
  g_clear_object (&self->manager);
  g_clear_object (&self->drain);
  g_clear_object (&self->bus);
}

void
rd_systemd_free (RdSystemd *self)
{
  retire (self);
  g_clear_pointer (&self->socket, rd_notify_socket_free);
  g_free (self->status);
  g_free (self);
}

gint64
rd_systemd_ping (RdSystemd *self)
{
  if (self->ping_ms == 0)
    return G_MAXINT64;

  on_ping (self);
  return (gint64) self->ping_ms * 1000;
}

void
rd_systemd_start_watchdog (RdSystemd *self)
{
  if (self->ping_ms == 0 || self->ping_id > 0 || self->manager == NULL)
    return;

  on_ping (self); /* the old worker's last ping may be almost a watchdog timeout ago: ping now */
  self->ping_id = g_timeout_add (self->ping_ms, on_ping, self);
}

void
rd_systemd_ready (RdSystemd *self)
{
  if (self->socket == NULL || self->manager == NULL)
    return;

  g_signal_connect_swapped (self->manager, "connections-changed", G_CALLBACK (on_changed), self);
  g_signal_connect_swapped (self->bus, "message", G_CALLBACK (on_changed), self);
  g_signal_connect_swapped (self->drain, "state-changed", G_CALLBACK (on_state_changed), self);
  report (self);
  rd_systemd_start_watchdog (self);
  if (self->refresh_id == 0)
    self->refresh_id = g_timeout_add_once (REFRESH_MS, on_refresh, self);
}

void
rd_systemd_stopping (RdSystemd *self)
{
  if (self->socket == NULL || self->manager == NULL || self->is_stopping)
    return;

  self->is_stopping = TRUE;
  rd_notify_socket_send (self->socket, "STOPPING=1\n" EXTEND_TIMEOUT);
  on_changed (self);
}

gboolean
rd_systemd_extend_timeout (RdSystemd *self)
{
  if (self->socket != NULL)
    rd_notify_socket_send (self->socket, EXTEND_TIMEOUT);
  return self->socket != NULL;
}

gboolean
rd_systemd_is_connected (RdSystemd *self)
{
  return self->socket != NULL && self->manager != NULL;
}

/* Sends @assignments and @fd (-1: none); waits until the service manager has processed them.
 * Returns: TRUE, or FALSE with an error. */
static gboolean
send_and_wait (RdSystemd *self, const char *assignments, int fd, gint64 timeout_us, GError **error)
{
  const gint64 deadline_us = g_get_monotonic_time () + timeout_us;

  return rd_notify_socket_send_until (self->socket, assignments, fd, deadline_us, error)
         && rd_notify_socket_barrier (self->socket, deadline_us, error);
}

gboolean
rd_systemd_set_main_pid (RdSystemd *self, pid_t pid)
{
  g_autofree char *text = g_strdup_printf ("MAINPID=%d\n%s", (int) pid,
                                           self->ping_ms > 0 ? PING : "");
  g_autoptr (GError) error = NULL;

  if (self->socket == NULL)
    return TRUE;

  if (!send_and_wait (self, text, -1, TIMEOUT_US, &error))
    g_debug ("Cannot set the main process of the unit: %s", error->message);
  retire (self);
  return error == NULL;
}

gboolean
rd_systemd_store (RdSystemd *self, int fd, const char *name, GError **error)
{
  g_autofree char *text = g_strdup_printf ("FDSTORE=1\nFDNAME=%s\nFDPOLL=0\n", name);

  if (self->socket == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                           "no service manager; run the service as a unit with Type=notify, "
                           "or start a new worker with “ringdown --replace”");
      return FALSE;
    }
  if (send_and_wait (self, text, fd, STORE_TIMEOUT_US, error))
    return TRUE;

  rd_systemd_unstore (self, name); /* the service manager may store @fd even after a timeout */
  return FALSE;
}

void
rd_systemd_unstore (RdSystemd *self, const char *name)
{
  g_autofree char *text = g_strdup_printf ("FDSTOREREMOVE=1\nFDNAME=%s\n", name);
  g_autoptr (GError) error = NULL;

  if (self->socket == NULL)
    return;

  if (!rd_notify_socket_send_until (self->socket, text, -1, g_get_monotonic_time () + TIMEOUT_US,
                                    &error))
    g_debug ("Cannot remove stored descriptors: %s", error->message);
}

/* Variables set by the service manager. A new worker inherits the first N_SHARED. */
#define N_SHARED 2
static const char *const variables[] = { "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
                                         "LISTEN_PID",    "LISTEN_FDS",    "LISTEN_FDNAMES" };

char **
rd_systemd_dup_child_environment (char **environment)
{
  char **copy = g_strdupv (environment);

  for (gsize i = N_SHARED; i < G_N_ELEMENTS (variables); i++)
    copy = g_environ_unsetenv (copy, variables[i]);
  return copy;
}

void
rd_systemd_clear_environment (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (variables); i++)
    g_unsetenv (variables[i]);
}
