/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The option --wait: follows a drain to its end, which is when the service has left the bus, and
 * tells what became of the clients. Never begins or ends a drain itself: also when it is
 * interrupted, the drain goes on. */

#include "ctl-wait.h"

#include <glib/gi18n.h>
#include <math.h>

#include "ctl-error.h"
#include "ctl-view.h"
#include "ctl-watch.h"
#include "rd-units.h"

#define CLOSE_SERVICE_RESTART 1012 /* how the service closes, at the deadline or when forced */

struct _CtlWait
{
  CtlService *service;  /* unowned: outlives us */
  RdDBusServer1 *proxy; /* unowned: of service */
  CtlOutput *output;    /* unowned: outlives us */
  CtlWatch *watch;      /* owned */
  gint64 begin_us;      /* CLOCK_MONOTONIC */
  gboolean has_begun;
  gboolean is_drained;
  guint at_first; /* clients when the wait began, */
  guint most;     /* the most of them so far, */
  guint left;     /* that left by themselves, */
  guint closed;   /* and that the service closed */
};

static void
show (CtlWait *self)
{
  const guint clients = rd_dbus_server1_get_connections (self->proxy);
  const char *state = rd_dbus_server1_get_state (self->proxy);
  g_autofree char *text = NULL;

  self->most = MAX (self->most, clients);
  text = ctl_view_drain (clients, self->most, rd_dbus_server1_get_drain_seconds_left (self->proxy));
  ctl_output_set_status (self->output, ctl_view_colour_of_state (state), text);
}

static void
on_properties (CtlWait *self)
{
  const char *state = rd_dbus_server1_get_state (self->proxy);

  if (state == NULL) /* the process is gone, and the properties with it */
    return;

  self->is_drained = g_str_equal (state, "drained");
  if (self->is_drained || g_str_equal (state, "draining"))
    {
      self->has_begun = TRUE;
      show (self);
    }
  else if (self->has_begun)
    ctl_watch_stop (self->watch);
}

/* For those who have no status line to look at. */
static void
on_progress (CtlWait *self, guint clients, guint seconds_left)
{
  g_autofree char *text = NULL;

  if (ctl_output_is_live (self->output) || ctl_output_is_json (self->output))
    return;

  text = ctl_view_remaining (clients, seconds_left);
  ctl_output_print_line (self->output, text);
}

static void
on_client_disconnected (CtlWait *self, guint64 id, guint code)
{
  if (!self->has_begun)
    return;

  if (code == CLOSE_SERVICE_RESTART)
    self->closed++;
  else
    self->left++;
}

CtlWait *
ctl_wait_new (CtlService *service, CtlOutput *output, GError **error)
{
  g_autoptr (CtlWait) self = g_new0 (CtlWait, 1);

  self->service = service;
  self->proxy = ctl_service_get_proxy (service);
  self->output = output;
  self->watch = ctl_watch_new (service);
  g_signal_connect_swapped (self->proxy, "g-properties-changed", G_CALLBACK (on_properties), self);
  g_signal_connect_swapped (self->proxy, "drain-progress", G_CALLBACK (on_progress), self);
  g_signal_connect_swapped (self->proxy, "client-disconnected", G_CALLBACK (on_client_disconnected),
                            self);
  if (!rd_dbus_server1_call_set_client_signals_sync (self->proxy, TRUE, NULL, error))
    {
      ctl_service_explain (service, error);
      return NULL;
    }

  return g_steal_pointer (&self);
}

void
ctl_wait_free (CtlWait *self)
{
  g_signal_handlers_disconnect_by_data (self->proxy, self);
  ctl_watch_free (self->watch);
  g_free (self);
}

static void
report (CtlWait *self)
{
  const double seconds = (g_get_monotonic_time () - self->begin_us) / (double) G_USEC_PER_SEC;
  g_autofree char *duration = rd_units_format_seconds (round (seconds));
  g_autofree char *text = NULL;

  if (ctl_output_is_json (self->output))
    {
      ctl_output_print_json (
        self->output,
        g_variant_new_parsed (
          "{'state': <'drained'>, 'seconds': <%d>, 'clients': <%u>, 'left': <%u>, 'closed': <%u>}",
          seconds, self->at_first, self->left, self->closed));
      return;
    }

  /* Translators: a duration, such as 29min 55s, and two numbers of clients */
  text = g_strdup_printf (_ ("Drained in %s: %u left by themselves, %u closed by the service"),
                          duration, self->left, self->closed);
  ctl_output_print_line (self->output, text);
}

static gboolean
judge (CtlWait *self, CtlWatchEnd end, GError **error)
{
  switch (end)
    {
    case CTL_WATCH_VANISHED:
      if (self->is_drained)
        {
          report (self);
          return TRUE;
        }
      g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED, _ ("%s ended before it was drained"),
                   ctl_service_get_name (self->service));
      return FALSE;
    case CTL_WATCH_STOPPED:
      g_set_error_literal (error, CTL_ERROR, CTL_ERROR_FAILED,
                           _ ("the drain was cancelled; the service is running"));
      return FALSE;
    case CTL_WATCH_INTERRUPTED:
      g_set_error_literal (
        error, CTL_ERROR, CTL_ERROR_FAILED,
        _ ("interrupted; the drain goes on, “ringdownctl cancel-drain” takes it back"));
      return FALSE;
    case CTL_WATCH_UNREAD: /* was not asked for: how it ends is worth waiting for */
    case CTL_WATCH_FAILED:
      return FALSE;
    }

  g_assert_not_reached ();
}

gboolean
ctl_wait_run (CtlWait *self, GError **error)
{
  CtlWatchEnd end;

  self->begin_us = g_get_monotonic_time ();
  self->at_first = rd_dbus_server1_get_connections (self->proxy);
  ctl_watch_signals (self->watch);
  on_properties (self);

  end = ctl_watch_run (self->watch, error);
  ctl_output_set_status (self->output, CTL_COLOUR_RED, NULL);
  return judge (self, end, error);
}
