/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The command "upgrade": replaces the worker, and prints a report of the hand-over of clients. */

#include <glib/gi18n.h>

#include "ctl-command.h"
#include "ctl-view.h"

/* In minutes. An upgrade takes less: at most --handover-timeout (up to 5 min) plus 20 s. */
#define TIMEOUT_MIN 12

/* Returns: the process ID of @service from its list of nodes, or 0 if it is unknown. */
static guint
get_pid (RdDBusServer1 *service)
{
  GVariant *nodes = rd_dbus_server1_get_nodes (service);

  for (gsize i = 0; i < g_variant_n_children (nodes); i++)
    {
      g_autoptr (GVariant) node = g_variant_get_child_value (nodes, i);
      gboolean is_self = FALSE;
      guint pid = 0;

      if (g_variant_lookup (node, "self", "b", &is_self) && is_self
          && g_variant_lookup (node, "pid", "u", &pid))
        return pid;
    }
  return 0;
}

static gboolean
call_upgrade (RdDBusServer1 *service, guint generation, CtlOutput *output, GError **error)
{
  /* Translators: the number of the worker process; each upgrade increments it */
  g_autofree char *status = g_strdup_printf (_ ("waiting for generation %u to take over"),
                                             generation);
  g_autoptr (GVariant) reply = NULL;

  ctl_output_set_status (output, CTL_COLOUR_YELLOW, status);
  reply = g_dbus_proxy_call_sync (G_DBUS_PROXY (service), "Upgrade", NULL, G_DBUS_CALL_FLAGS_NONE,
                                  TIMEOUT_MIN * 60 * 1000, NULL, error);
  ctl_output_set_status (output, CTL_COLOUR_YELLOW, NULL);
  if (reply != NULL || !g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    return reply != NULL;

  g_clear_error (error);
  return ctl_fail (error, _ ("no answer from %s within %d min; see its log"),
                   g_dbus_proxy_get_name (G_DBUS_PROXY (service)), TIMEOUT_MIN);
}

/* Connects to the service after an upgrade. Returns: (transfer full) (nullable): a proxy, or NULL
 * with an error if the service is unreachable or its generation is not @generation. */
static RdDBusServer1 *
find_upgraded (const CtlArguments *arguments, guint generation, GError **error)
{
  g_autoptr (RdDBusServer1) service = ctl_service_new (arguments, TRUE, error);
  guint found;

  if (service == NULL)
    return NULL;

  found = rd_dbus_server1_get_generation (service);
  if (found == generation)
    return g_steal_pointer (&service);
  ctl_fail (error, _ ("after the upgrade, %s has generation %u instead of %u; see its log"),
            g_dbus_proxy_get_name (G_DBUS_PROXY (service)), found, generation);
  return NULL;
}

static void
add_change (RdTable *table, const char *label, const char *before, const char *after)
{
  g_autofree char *change = g_strdup_printf ("%s → %s", before, after);

  rd_table_add (table, label, g_str_equal (before, after) ? after : change, NULL);
}

static void
add_numbers (RdTable *table, const char *label, guint before, guint after)
{
  g_autofree char *old = ctl_view_number (before);
  g_autofree char *new = ctl_view_number (after);

  add_change (table, label, old, new);
}

static char *
format_report (RdDBusServer1 *before, RdDBusServer1 *after, const CtlOutput *output)
{
  const CtlHandover handover = ctl_view_get_handover (after);
  const guint old_pid = get_pid (before);
  const guint new_pid = get_pid (after);
  g_autoptr (RdTable) table = ctl_view_new_list ();
  /* Translators: client counts */
  g_autofree char *clients = g_strdup_printf (_ ("%u moved, %u closed, %u lost"), handover.moved,
                                              handover.closed, handover.lost);
  g_autofree char *pause = g_strdup_printf (_ ("%.1f ms"), handover.pause_us / 1000.0);
  const char *outcome = _ ("upgraded");
  CtlColour colour = CTL_COLOUR_GREEN;

  if (handover.lost > 0)
    {
      outcome = _ ("upgraded, but some clients were lost");
      colour = CTL_COLOUR_RED;
    }
  else if (handover.closed > 0)
    {
      outcome = _ ("upgraded, but some clients were closed");
      colour = CTL_COLOUR_YELLOW;
    }

  add_numbers (table, _ ("Generation:"), rd_dbus_server1_get_generation (before),
               rd_dbus_server1_get_generation (after));
  add_change (table, _ ("Version:"), rd_dbus_server1_get_version (before),
              rd_dbus_server1_get_version (after));
  if (old_pid != 0 && new_pid != 0)
    add_numbers (table, _ ("Process:"), old_pid, new_pid);
  rd_table_add (table, _ ("Clients:"), clients, NULL);
  /* Translators: time during which no client was served */
  rd_table_add (table, _ ("Pause:"), pause, NULL);
  return ctl_view_format_list (output, after, colour, outcome, table);
}

static GVariant *
report_to_json (RdDBusServer1 *service)
{
  const CtlHandover handover = ctl_view_get_handover (service);

  return g_variant_new_parsed (
    "{'generation': <%u>, 'version': <%s>, 'pid': <%u>, " CTL_HANDOVER_JSON "}",
    rd_dbus_server1_get_generation (service), rd_dbus_server1_get_version (service),
    get_pid (service), handover.moved, handover.closed, handover.lost, handover.pause_us);
}

gboolean
ctl_upgrade (const CtlArguments *arguments, CtlOutput *output, GError **error)
{
  /* keeps the old worker's properties, because GDBusProxy updates them only in a main loop */
  g_autoptr (RdDBusServer1) before = ctl_service_new (arguments, TRUE, error);
  g_autoptr (RdDBusServer1) after = NULL;
  g_autofree char *text = NULL;
  guint generation;

  if (before == NULL)
    return FALSE;

  generation = rd_dbus_server1_get_generation (before) + 1;
  if (!call_upgrade (before, generation, output, error))
    return FALSE;
  after = find_upgraded (arguments, generation, error);
  if (after == NULL)
    return FALSE;

  text = format_report (before, after, output);
  ctl_output_print_result (output, report_to_json (after), text);
  return TRUE;
}
