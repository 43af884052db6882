/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The commands “drain”, “shutdown” and “cancel-drain”: they ask the service for it, and say that it
 * was done. What a drain is, and how it goes, is the service's; to follow it, with --wait, is left
 * to ctl-wait. */

#include <glib/gi18n.h>

#include "ctl-arguments.h"
#include "ctl-commands.h"
#include "ctl-error.h"
#include "ctl-service.h"
#include "ctl-wait.h"
#include "rd-units.h"

#define MAX_TIMEOUT_DAYS 30 /* the service takes no longer one */

/* Returns: (transfer full): the options of the method Drain; NULL with an error. */
static GVariant *
read_timeout (const CtlArguments *arguments, GError **error)
{
  const char *text = ctl_arguments_get (arguments, "timeout");
  GVariantBuilder options;
  gint64 timeout_us = 0;

  if (text != NULL && !rd_units_parse_duration (text, &timeout_us, NULL))
    {
      g_set_error (
        error, CTL_ERROR, CTL_ERROR_FAILED,
        _ ("--timeout=%s is not a duration; give seconds, or such as 10s, 5min, 1h30min"), text);
      return NULL;
    }
  if (timeout_us > MAX_TIMEOUT_DAYS * G_TIME_SPAN_DAY)
    {
      g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED,
                   _ ("--timeout=%s is too long; give at most %dd"), text, MAX_TIMEOUT_DAYS);
      return NULL;
    }

  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  if (text != NULL)
    g_variant_builder_add (
      &options, "{sv}", "timeout",
      g_variant_new_uint32 ((timeout_us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC));
  return g_variant_ref_sink (g_variant_builder_end (&options));
}

/* @was_draining: before we asked. */
static void
print_begun (gboolean was_draining, guint clients, CtlOutput *output)
{
  g_autofree char *text = NULL;

  if (ctl_output_is_json (output))
    {
      ctl_output_print_json (
        output, g_variant_new_parsed ("{'state': <'draining'>, 'connections': <%u>}", clients));
      return;
    }

  if (was_draining)
    text = g_strdup_printf (ngettext ("A drain was under way already; %u client is connected.",
                                      "A drain was under way already; %u clients are connected.",
                                      clients),
                            clients);
  else
    text = g_strdup_printf (ngettext ("The drain has begun; %u client is connected.",
                                      "The drain has begun; %u clients are connected.", clients),
                            clients);
  ctl_output_print_line (output, text);
}

/* @options: of Drain; NULL: Shutdown is to be called. */
static gboolean
ask_for_end (CtlService *service, GVariant *options, GError **error)
{
  RdDBusServer1 *proxy = ctl_service_get_proxy (service);
  const gboolean is_good = options != NULL
                             ? rd_dbus_server1_call_drain_sync (proxy, options, NULL, error)
                             : rd_dbus_server1_call_shutdown_sync (proxy, NULL, error);

  return is_good || ctl_service_explain (service, error);
}

/* Watches before it asks, so that nothing is missed. @options: as for ask_for_end(). */
static gboolean
begin (const CtlArguments *arguments, GVariant *options, CtlOutput *output, GError **error)
{
  g_autoptr (CtlService) service = ctl_service_new (arguments, error);
  g_autoptr (CtlWait) wait = NULL;
  gboolean was_draining;
  guint clients;

  if (service == NULL)
    return FALSE;
  if (ctl_arguments_has (arguments, "wait"))
    {
      wait = ctl_wait_new (service, output, error);
      if (wait == NULL)
        return FALSE;
    }
  if (!ctl_service_load (service, error))
    return FALSE;

  was_draining = !g_str_equal (rd_dbus_server1_get_state (ctl_service_get_proxy (service)),
                               "running");
  clients = rd_dbus_server1_get_connections (ctl_service_get_proxy (service));
  if (!ask_for_end (service, options, error))
    return FALSE;
  if (wait != NULL)
    return ctl_wait_run (wait, error);

  print_begun (was_draining, clients, output);
  return TRUE;
}

static gboolean
run_drain (const CtlArguments *arguments, CtlOutput *output, GError **error)
{
  g_autoptr (GVariant) options = read_timeout (arguments, error);

  return options != NULL && begin (arguments, options, output, error);
}

static gboolean
run_shutdown (const CtlArguments *arguments, CtlOutput *output, GError **error)
{
  return begin (arguments, NULL, output, error);
}

static gboolean
run_cancel_drain (const CtlArguments *arguments, CtlOutput *output, GError **error)
{
  g_autoptr (CtlService) service = ctl_service_new (arguments, error);

  if (service == NULL)
    return FALSE;
  if (!rd_dbus_server1_call_cancel_drain_sync (ctl_service_get_proxy (service), NULL, error))
    return ctl_service_explain (service, error);

  if (ctl_output_is_json (output))
    ctl_output_print_json (output, g_variant_new_parsed ("{'state': <'running'>}"));
  else
    ctl_output_print_line (output, _ ("The drain was cancelled; the service is running."));
  return TRUE;
}

/* clang-format off */
#define WAIT_OPTION { "wait", NULL, N_ ("Show how far it is, until the service has ended") }

static const CtlOption drain_options[] = {
  { "timeout", N_ ("TIME"), N_ ("Close the rest after TIME, instead of as configured") },
  WAIT_OPTION,
  { .name = NULL },
};

const CtlCommand ctl_drain_command = {
  .name = "drain",
  .summary = N_ ("End the service when its clients have left"),
  .description =
    N_ ("Lets no new clients in, waits until all have left, closes the rest when the time\n"
       "is over, and ends the service. TIME is in seconds, or such as 10s, 5min,\n"
       "1h30min. If a drain is under way, --timeout moves its end."),
  .options = drain_options,
  .run = run_drain,
};

const CtlCommand ctl_cancel_drain_command = {
  .name = "cancel-drain",
  .summary = N_ ("Take a drain back: let clients in again"),
  .description =
    N_ ("Takes a drain back, unless the clients are being closed already: the service\n"
       "lets clients in again, and goes on."),
  .run = run_cancel_drain,
};

static const CtlOption shutdown_options[] = {
  WAIT_OPTION,
  { .name = NULL },
};

const CtlCommand ctl_shutdown_command = {
  .name = "shutdown",
  .summary = N_ ("End the service as SIGTERM does, by a drain"),
  .description =
    N_ ("Does what SIGTERM does: drains for the configured time, and ends the service. No\n"
       "effect if a drain is under way."),
  .options = shutdown_options,
  .run = run_shutdown,
};
/* clang-format on */
