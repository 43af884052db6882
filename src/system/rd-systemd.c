/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* What the service manager is told, and when. It takes STOPPING=1 for a last word: nothing brings
 * the unit back from there, and at its stop timeout it is killed. So a drain that may still be
 * cancelled does not say it, unless a signal has: a unit that is being stopped is so for good. Such
 * a unit asks for more time for as long as it has clients. Never decides anything, and blocks only
 * in a hand-over, where nothing can be done before it was heard. */

#include "rd-systemd.h"

#include <gio/gio.h>
#include <glib/gi18n.h>
#include <unistd.h>

#include "rd-notify-socket.h"
#include "rd-text.h"
#include "rd-units.h"

#define REFRESH_MS  1000 /* between two reports, at least */
#define PING_MS_MAX (24 * 3600 * 1000)
#define WORD_US     (2 * G_TIME_SPAN_SECOND)
#define STORE_US    (5 * G_TIME_SPAN_SECOND)
#define SHOWN_MAX   64 /* characters of a variable's value in a warning */

/* From now on: asked for with every report, of which some thirty may be late. */
#define MORE_TIME "EXTEND_TIMEOUT_USEC=30000000\n"

#define PING "WATCHDOG=1\n"

struct _RdSystemd
{
  RdManager *manager;     /* owned; NULL: another process is the service */
  RdDrain *drain;         /* owned; likewise */
  RdBus *bus;             /* owned; likewise */
  RdNotifySocket *socket; /* owned; NULL: nobody listens */
  guint ping_ms;          /* 0: nobody watches */
  gboolean is_ready_told;
  gboolean is_stopping; /* in the eyes of the service manager, for good */
  char *status;         /* owned, nullable: as last told */
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
    g_warning (_ ("The service manager will not hear of this service: %s"), error->message);
  return socket;
}

/* Returns: how often to send a sign of life: twice in the time after which it is missed. */
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
  g_warning (_ ("WATCHDOG_USEC is “%s”, which is no time in microseconds: running on without a "
                "watchdog"),
             shown);
  return 0;
}

/* Returns: (transfer full): for the person who asks the service manager. */
static char *
describe (RdSystemd *self)
{
  const guint clients = rd_manager_get_connections (self->manager);
  const guint seconds_left = rd_drain_get_seconds_left (self->drain);
  g_autofree char *published = NULL;
  g_autofree char *left = NULL;
  WsEngineStats stats;

  if (rd_drain_is_drained (self->drain))
    return g_strdup (_ ("drained"));
  if (!rd_drain_is_running (self->drain) && seconds_left == 0)
    return g_strdup_printf (ngettext ("closing %u client", "closing %u clients", clients), clients);

  if (!rd_drain_is_running (self->drain))
    {
      left = rd_units_format_seconds (seconds_left);
      return g_strdup_printf (
        /* Translators: the second is a time: “29min 55s” */
        ngettext ("draining: %u client, %s left", "draining: %u clients, %s left", clients),
        clients, left);
    }

  if (self->is_stopping)
    return g_strdup_printf (
      ngettext ("%u client; drain cancelled, but the unit is stopping: end it with “ringdownctl "
                "shutdown”",
                "%u clients; drain cancelled, but the unit is stopping: end it with “ringdownctl "
                "shutdown”",
                clients),
      clients);

  ws_engine_get_stats (rd_manager_get_engine (self->manager), &stats);
  published = g_strdup_printf ("%" G_GUINT64_FORMAT, stats.published);
  return g_strdup_printf (
    /* Translators: the second is a number */
    ngettext ("%u client; messages published: %s", "%u clients; messages published: %s", clients),
    clients, published);
}

/* Tells what has to be told by now. Returns: whether there was anything. */
static gboolean
report (RdSystemd *self)
{
  const gboolean needs_time = self->is_stopping || !rd_drain_is_running (self->drain);
  g_autofree char *status = describe (self);
  g_autoptr (GString) text = g_string_new (NULL);

  if (!self->is_ready_told)
    g_string_append (text, "READY=1\n");
  if (needs_time)
    g_string_append (text, MORE_TIME);
  if (g_strcmp0 (status, self->status) != 0)
    g_string_append_printf (text, "STATUS=%s\n", status);
  if (text->len == 0)
    return FALSE;

  if (rd_notify_socket_send (self->socket, text->str)) /* else with the next */
    {
      self->is_ready_told = TRUE;
      g_free (self->status);
      self->status = g_steal_pointer (&status);
    }
  return TRUE;
}

static void schedule_refresh (RdSystemd *self, guint after_ms);

static gboolean
on_refresh (gpointer user_data)
{
  RdSystemd *self = user_data;

  self->refresh_id = 0;
  if (report (self))
    schedule_refresh (self, REFRESH_MS);
  return G_SOURCE_REMOVE;
}

static void
schedule_refresh (RdSystemd *self, guint after_ms)
{
  if (self->refresh_id == 0)
    self->refresh_id = g_timeout_add (after_ms, on_refresh, self);
}

/* Something changed. The first change after a quiet time is told at once. */
static void
on_changed (RdSystemd *self)
{
  schedule_refresh (self, 0);
}

static void
on_state_changed (RdSystemd *self)
{
  if (rd_drain_is_drained (self->drain))
    {
      rd_systemd_stopping (self); /* it cannot be taken back any more */
      report (self);
      return;
    }

  if (!rd_drain_is_running (self->drain))
    rd_notify_socket_send (self->socket, MORE_TIME); /* at once: a stop may be under way */
  else if (self->is_stopping)
    g_warning (_ ("The drain was cancelled, but the service manager goes on stopping this unit. "
                  "Clients are kept; end it with “ringdownctl shutdown”, then start it again"));
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

/* From now on nothing is told by itself. */
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
rd_systemd_live (RdSystemd *self)
{
  if (self->ping_ms == 0 || self->ping_id > 0 || self->manager == NULL)
    return;

  on_ping (self); /* at once: the last of the process before may be as old as one may be */
  self->ping_id = g_timeout_add (self->ping_ms, on_ping, self);
}

void
rd_systemd_ready (RdSystemd *self)
{
  if (self->socket == NULL || self->manager == NULL)
    return;

  g_signal_connect_swapped (self->manager, "notify::connections", G_CALLBACK (on_changed), self);
  g_signal_connect_swapped (self->bus, "message", G_CALLBACK (on_changed), self);
  g_signal_connect_swapped (self->drain, "notify::state", G_CALLBACK (on_state_changed), self);
  report (self);
  rd_systemd_live (self);
  schedule_refresh (self, REFRESH_MS);
}

void
rd_systemd_stopping (RdSystemd *self)
{
  if (self->socket == NULL || self->manager == NULL || self->is_stopping)
    return;

  self->is_stopping = TRUE;
  rd_notify_socket_send (self->socket, "STOPPING=1\n" MORE_TIME);
  on_changed (self);
}

gboolean
rd_systemd_need_time (RdSystemd *self)
{
  if (self->socket != NULL)
    rd_notify_socket_send (self->socket, MORE_TIME);
  return self->socket != NULL;
}

gboolean
rd_systemd_is_heard (RdSystemd *self)
{
  return self->socket != NULL && self->manager != NULL;
}

/* Sends, and waits until it was acted on. */
static gboolean
tell_for_sure (RdSystemd *self, const char *assignments, int fd, gint64 within_us, GError **error)
{
  const gint64 deadline_us = g_get_monotonic_time () + within_us;

  return rd_notify_socket_send_until (self->socket, assignments, fd, deadline_us, error)
         && rd_notify_socket_barrier (self->socket, deadline_us, error);
}

gboolean
rd_systemd_move (RdSystemd *self, pid_t successor)
{
  g_autofree char *text = g_strdup_printf ("MAINPID=%d\n%s", (int) successor,
                                           self->ping_ms > 0 ? PING : "");
  g_autoptr (GError) error = NULL;

  if (self->socket == NULL)
    return TRUE;

  if (!tell_for_sure (self, text, -1, WORD_US, &error))
    g_debug ("The main process was not moved: %s", error->message);
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
                           _ ("no service manager listens: run it as a unit of Type=notify, or "
                              "start the next one with “ringdown --replace”"));
      return FALSE;
    }
  if (tell_for_sure (self, text, fd, STORE_US, error))
    return TRUE;

  rd_systemd_unstore (self, name); /* it may have been taken, but too late */
  return FALSE;
}

void
rd_systemd_unstore (RdSystemd *self, const char *name)
{
  g_autofree char *text = g_strdup_printf ("FDSTOREREMOVE=1\nFDNAME=%s\n", name);
  g_autoptr (GError) error = NULL;

  if (self->socket == NULL)
    return;

  if (!rd_notify_socket_send_until (self->socket, text, -1, g_get_monotonic_time () + WORD_US,
                                    &error))
    g_debug ("The store was not cleared: %s", error->message);
}

char **
rd_systemd_pass_on (char **environment)
{
  static const char *const names[] = { "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS",
                                       "LISTEN_FDNAMES" };
  char **passed = g_strdupv (environment);

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    passed = g_environ_unsetenv (passed, names[i]);
  return passed;
}

void
rd_systemd_clear_environment (void)
{
  static const char *const names[] = { "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
                                       "LISTEN_PID",    "LISTEN_FDS",    "LISTEN_FDNAMES" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    g_unsetenv (names[i]);
}
