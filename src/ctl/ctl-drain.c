/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The commands "drain", "shutdown" and "cancel-drain". */

#include <glib/gi18n.h>
#include <math.h>

#include "ctl-command.h"
#include "rd-units.h"

#define MAX_TIMEOUT_DAYS 30 /* longest time limit of a drain that the service accepts */

/* Close codes sent at the end of a drain. Clients also send 1001, so that it counts as a code of
 * the service only after the service has begun to close clients. */
#define CLOSE_SERVICE_RESTART 1012
#define CLOSE_GOING_AWAY      1001

typedef struct
{
  const CtlArguments *arguments; /* unowned: outlives us */
  RdDBusServer1 *service;        /* unowned: outlives us */
  CtlOutput *output;             /* unowned: outlives us */
  CtlWatch *watch;               /* unowned: outlives us */
  gint64 begin_us;               /* CLOCK_MONOTONIC: start of the wait */
  gboolean has_begun;            /* the drain has begun */
  gboolean is_closing;           /* the service closes the remaining clients */
  guint at_first;                /* number of clients at the start of the wait */
  guint most;                    /* largest number of clients so far */
  guint left;                    /* number of clients that disconnected by themselves */
  guint closed;                  /* number of clients that the service closed */
} Wait;

static void
on_properties (gpointer user_data)
{
  Wait *self = user_data;
  const char *state = rd_dbus_server1_get_state (self->service);
  g_autofree char *text = NULL;

  if (!g_str_equal (state, "drained") && !g_str_equal (state, "draining"))
    {
      if (self->has_begun)
        ctl_watch_stop (self->watch);
      return;
    }

  self->has_begun = TRUE;
  self->most = MAX (self->most, rd_dbus_server1_get_connections (self->service));
  text = ctl_format_drain (self->service, self->most);
  ctl_output_set_status (self->output, ctl_colour_of_state (state), text);
}

/* Prints the progress of the drain, unless the status line shows it or the output is JSON. */
static void
on_progress (gpointer user_data, guint clients, guint seconds_left)
{
  Wait *self = user_data;
  g_autofree char *text = NULL;

  self->is_closing = seconds_left == 0;
  if (ctl_output_is_live (self->output) || self->arguments->json)
    return;

  text = ctl_format_remaining (clients, seconds_left);
  ctl_output_print (self->output, text);
}

static void
on_client_disconnected (gpointer user_data, guint64 id, guint code)
{
  Wait *self = user_data;

  if (self->has_begun
      && (code == CLOSE_SERVICE_RESTART || (self->is_closing && code == CLOSE_GOING_AWAY)))
    self->closed++;
  else if (self->has_begun)
    self->left++;
}

static const CtlWatchEvents wait_events = {
  .properties = on_properties,
  .client_disconnected = on_client_disconnected,
  .drain_progress = on_progress,
};

static void
print_report (Wait *self)
{
  const double seconds = (g_get_monotonic_time () - self->begin_us) / (double) G_USEC_PER_SEC;
  g_autofree char *duration = rd_units_format_seconds (round (seconds));
  g_autofree char *text = NULL;

  /* Translators: a duration, such as 29min 55s, and two client counts */
  text = g_strdup_printf (_ ("Drained in %s: %u disconnected, %u closed by the service"), duration,
                          self->left, self->closed);
  ctl_output_print_result (
    self->output, text,
    "{'state': <'drained'>, 'seconds': <%d>, 'clients': <%u>, 'left': <%u>, 'closed': <%u>}",
    seconds, self->at_first, self->left, self->closed);
}

static gboolean
wait_run (Wait *self, GError **error)
{
  self->begin_us = g_get_monotonic_time ();
  self->at_first = rd_dbus_server1_get_connections (self->service);

  switch (ctl_watch_run (self->watch, error))
    {
    case CTL_WATCH_DRAINED:
      print_report (self);
      return TRUE;
    case CTL_WATCH_STOPPED:
      return ctl_fail (error, _ ("the drain was cancelled; the service is running"));
    case CTL_WATCH_INTERRUPTED:
      return ctl_fail (
        error, _ ("interrupted; the drain continues (“ringdownctl cancel-drain” cancels it)"));
    case CTL_WATCH_FAILED:
      return FALSE;
    }

  g_assert_not_reached ();
}

/* Returns: (transfer full) (nullable): the argument of the method Drain, or NULL with an error. */
static GVariant *
read_timeout (const char *timeout, GError **error)
{
  gint64 timeout_us;

  if (timeout == NULL)
    return g_variant_ref_sink (g_variant_new_parsed ("@a{sv} {}"));
  if (!rd_units_parse_duration (timeout, &timeout_us, NULL))
    ctl_fail (error,
              _ ("--timeout=%s is not a duration; give a number of seconds, or units as in 5min"),
              timeout);
  else if (timeout_us > MAX_TIMEOUT_DAYS * G_TIME_SPAN_DAY)
    ctl_fail (error, _ ("--timeout=%s is too long; give at most %dd"), timeout, MAX_TIMEOUT_DAYS);
  else
    return g_variant_ref_sink (g_variant_new_parsed (
      "{'timeout': <%u>}", (guint) ((timeout_us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC)));
  return NULL;
}

static void
print_begun (gboolean was_draining, guint clients, CtlOutput *output)
{
  g_autofree char *text = g_strdup_printf (
    was_draining ? ngettext ("The service was already draining; %u client is connected.",
                             "The service was already draining; %u clients are connected.", clients)
                 : ngettext ("The drain has begun; %u client is connected.",
                             "The drain has begun; %u clients are connected.", clients),
    clients);

  ctl_output_print_result (output, text, "{'state': <'draining'>, 'connections': <%u>}", clients);
}

/* Starts a drain; with --wait, waits for its end. Subscribes to signals before the D-Bus call, so
 * that no signal is missed. @options: argument of the method Drain, or NULL to call Shutdown. */
static gboolean
begin (const CtlArguments *arguments, GVariant *options, CtlOutput *output, GError **error)
{
  g_autoptr (RdDBusServer1) service = ctl_service_new (arguments, TRUE, error);
  g_autoptr (CtlWatch) watch = NULL;
  Wait wait = { .arguments = arguments, .service = service, .output = output };
  gboolean was_draining, is_begun;
  guint clients;

  if (service == NULL)
    return FALSE;
  if (arguments->wait)
    {
      watch = ctl_watch_new (service, &wait_events, &wait, error);
      if (watch == NULL)
        return FALSE;
      wait.watch = watch;
    }

  was_draining = !g_str_equal (rd_dbus_server1_get_state (service), "running");
  clients = rd_dbus_server1_get_connections (service);
  is_begun = options != NULL ? rd_dbus_server1_call_drain_sync (service, options, NULL, error)
                             : rd_dbus_server1_call_shutdown_sync (service, NULL, error);
  if (!is_begun)
    return FALSE;
  if (arguments->wait)
    return wait_run (&wait, error);

  print_begun (was_draining, clients, output);
  return TRUE;
}

gboolean
ctl_drain (const CtlArguments *arguments, CtlOutput *output, GError **error)
{
  g_autoptr (GVariant) options = read_timeout (arguments->timeout, error);

  return options != NULL && begin (arguments, options, output, error);
}

gboolean
ctl_shutdown (const CtlArguments *arguments, CtlOutput *output, GError **error)
{
  return begin (arguments, NULL, output, error);
}

gboolean
ctl_cancel_drain (const CtlArguments *arguments, CtlOutput *output, GError **error)
{
  g_autoptr (RdDBusServer1) service = ctl_service_new (arguments, FALSE, error);

  if (service == NULL || !rd_dbus_server1_call_cancel_drain_sync (service, NULL, error))
    return FALSE;

  ctl_output_print_result (output, _ ("The drain was cancelled; the service is running."),
                           "{'state': <'running'>}");
  return TRUE;
}
