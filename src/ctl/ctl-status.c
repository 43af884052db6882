/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The commands "status", which shows the service, or with --all every node on the same Redis
 * server, and "upgrade", which replaces the worker and reports the hand-over of clients. */

#include <glib/gi18n.h>

#include "ctl-command.h"
#include "rd-text.h"

/* In minutes. An upgrade takes less: at most --handover-timeout (up to 5 min) plus 20 s. */
#define TIMEOUT_MIN 12

static char *
format_state (GVariant *state)
{
  return ctl_format_state (g_variant_get_string (state, NULL));
}

static const CtlField node_fields[] = {
  { "id", "s", NULL, NULL },
  /* Translators: heading of a column: name of a machine */
  { "host", "s", N_ ("HOST"), NULL },
  /* Translators: heading of a column: process ID */
  { "pid", "u", N_ ("PID"), NULL },
  /* Translators: heading of a column: value of --instance */
  { "instance", "s", N_ ("INSTANCE"), NULL },
  /* Translators: heading of a column: state of a node: running, draining or drained */
  { "state", "s", N_ ("STATE"), format_state },
  /* Translators: heading of a column: number of clients of a node */
  { "clients", "u", N_ ("CLIENTS"), NULL },
  /* Translators: heading of a column: version of ringdown */
  { "version", "s", N_ ("VERSION"), NULL },
  { "self", "b", NULL, NULL },
  { 0 },
};

typedef struct
{
  guint nodes;
  guint draining;
  guint64 clients;
} Totals;

/* Returns: (transfer full): an empty table with two columns: labels and values. @indent: see
 * rd_table_new(). */
static RdTable *
new_list (guint indent)
{
  static const RdTableColumn columns[] = { { .is_right = TRUE }, { .fit = RD_TABLE_WRAP } };

  return rd_table_new (columns, G_N_ELEMENTS (columns), indent, 1);
}

/* Returns: (transfer full): one line with the bus name and @outcome (in @colour), then @list. */
static char *
format_list (const CtlOutput *output,
             RdDBusServer1 *service,
             CtlColour colour,
             const char *outcome,
             const RdTable *list)
{
  g_autofree char *dot = ctl_output_paint (output, colour, "●");
  g_autofree char *painted = ctl_output_paint (output, colour, outcome);
  g_autofree char *rows = rd_table_format (list, ctl_output_get_width (output));

  return g_strdup_printf ("%s %s: %s\n%s", dot, g_dbus_proxy_get_name (G_DBUS_PROXY (service)),
                          painted, g_strchomp (rows));
}

static void
add_addresses (RdTable *table, RdDBusServer1 *service)
{
  const char *const *addresses = rd_dbus_server1_get_addresses (service);

  if (addresses[0] == NULL)
    rd_table_add (table, _ ("Addresses:"), C_ ("addresses", "none"), NULL);
  for (gsize i = 0; addresses[i] != NULL; i++)
    rd_table_add (table, i == 0 ? _ ("Addresses:") : "", addresses[i], NULL);
}

/* Adds the progress of a drain. The bar shows clients, not time, because the drain may end
 * before its time limit. */
static void
add_drain (RdTable *table, RdDBusServer1 *service)
{
  g_autofree char *text = NULL;

  if (!g_str_equal (rd_dbus_server1_get_state (service), "draining"))
    return;

  text = ctl_format_drain (service, rd_dbus_server1_get_peak_connections (service));
  rd_table_add (table, _ ("Drain:"), text, NULL);
}

static void
add_counts (RdTable *table, RdDBusServer1 *service)
{
  g_autofree char *total = ctl_format_number (rd_dbus_server1_get_total_connections (service));
  g_autofree char *published = ctl_format_number (rd_dbus_server1_get_messages_published (service));
  g_autofree char *delivered = ctl_format_number (rd_dbus_server1_get_messages_delivered (service));
  g_autofree char *clients
    /* Translators: client counts: connected now, maximum at one time, total since the start */
    = g_strdup_printf (_ ("%u now, peak %u, %s in total"),
                       rd_dbus_server1_get_connections (service),
                       rd_dbus_server1_get_peak_connections (service), total);
  g_autofree char *messages = g_strdup_printf (_ ("%s published, %s delivered"), published,
                                               delivered);

  rd_table_add (table, _ ("Clients:"), clients, NULL);
  rd_table_add (table, _ ("Messages:"), messages, NULL);
}

static void
add_handover (RdTable *table, RdDBusServer1 *service)
{
  const CtlHandover handover = ctl_get_handover (service);
  const guint generation = rd_dbus_server1_get_generation (service);
  g_autofree char *number = ctl_format_number (generation);
  g_autofree char *report
    /* Translators: client counts, and the time during which no client was served */
    = g_strdup_printf (_ ("%u moved, %u closed, %u lost; pause %.1f ms"), handover.moved,
                       handover.closed, handover.lost, handover.pause_us / 1000.0);

  if (generation <= 1)
    return;

  /* Translators: the number of the worker process; each upgrade increments it */
  rd_table_add (table, _ ("Generation:"), number, NULL);
  /* Translators: hand-over of the clients from the old worker to the new worker */
  rd_table_add (table, _ ("Hand-over:"), report, NULL);
}

/* Returns: (transfer floating): the last hand-over, or an empty dictionary if there was none. */
static GVariant *
handover_to_json (RdDBusServer1 *service)
{
  const CtlHandover handover = ctl_get_handover (service);

  if (rd_dbus_server1_get_generation (service) <= 1)
    return g_variant_new_parsed ("@a{sv} {}");
  return g_variant_new_parsed ("{" CTL_HANDOVER_JSON "}", handover.moved, handover.closed,
                               handover.lost, handover.pause_us);
}

static void
print_service (RdDBusServer1 *service, CtlOutput *output)
{
  const char *state = rd_dbus_server1_get_state (service);
  g_autofree char *name = ctl_format_state (state);
  g_autoptr (RdTable) table = new_list (2);
  g_autofree char *text = NULL;

  add_drain (table, service);
  rd_table_add (table, _ ("Version:"), rd_dbus_server1_get_version (service), NULL);
  if (*rd_dbus_server1_get_instance (service) != '\0')
    rd_table_add (table, _ ("Instance:"), rd_dbus_server1_get_instance (service), NULL);
  add_addresses (table, service);
  add_counts (table, service);
  add_handover (table, service);
  rd_table_add (table, _ ("Bus:"), rd_dbus_server1_get_bus_state (service), NULL);
  text = format_list (output, service, ctl_colour_of_state (state), name, table);
  ctl_output_print_result (
    output, text,
    "{'state': <%s>, 'version': <%s>, 'instance': <%s>, 'addresses': <%^as>,"
    " 'connections': <%u>, 'peak_connections': <%u>, 'total_connections': <%t>,"
    " 'messages_published': <%t>, 'messages_delivered': <%t>, 'drain_seconds_left': <%u>,"
    " 'bus_state': <%s>, 'generation': <%u>, 'handover': <%*>}",
    state, rd_dbus_server1_get_version (service), rd_dbus_server1_get_instance (service),
    rd_dbus_server1_get_addresses (service), rd_dbus_server1_get_connections (service),
    rd_dbus_server1_get_peak_connections (service), rd_dbus_server1_get_total_connections (service),
    rd_dbus_server1_get_messages_published (service),
    rd_dbus_server1_get_messages_delivered (service),
    rd_dbus_server1_get_drain_seconds_left (service), rd_dbus_server1_get_bus_state (service),
    rd_dbus_server1_get_generation (service), handover_to_json (service));
}

static Totals
add_up (GVariant *nodes)
{
  Totals totals = { .nodes = g_variant_n_children (nodes) };

  for (guint i = 0; i < totals.nodes; i++)
    {
      g_autoptr (GVariant) node = g_variant_get_child_value (nodes, i);
      const char *state = "";
      guint clients = 0;

      g_variant_lookup (node, "state", "&s", &state);
      g_variant_lookup (node, "clients", "u", &clients);
      totals.clients += clients;
      totals.draining += g_str_equal (state, "draining");
    }
  return totals;
}

static void
print_nodes (RdDBusServer1 *service, CtlOutput *output)
{
  GVariant *nodes = rd_dbus_server1_get_nodes (service);
  const char *bus_state = rd_dbus_server1_get_bus_state (service);
  const guint width = ctl_output_get_width (output);
  const Totals totals = add_up (nodes);
  g_autofree char *rows = ctl_format_table (nodes, node_fields, width);
  g_autofree char *clients = ctl_format_number (totals.clients);
  g_autofree char *sums
    /* Translators: counts of nodes, of draining nodes, and of clients */
    = g_strdup_printf (_ ("Nodes: %u (%u draining), clients: %s"), totals.nodes, totals.draining,
                       clients);
  g_autoptr (RdTable) table = new_list (0);
  g_autofree char *bus = NULL;
  g_autofree char *text = NULL;

  rd_table_add (table, _ ("Bus:"), bus_state, NULL);
  bus = rd_table_format (table, width);
  text = g_strdup_printf ("%s\n%s\n%s", rows, sums, g_strchomp (bus));
  ctl_output_print_result (
    output, text,
    "{'nodes': <%*>, 'workers': <%u>, 'clients': <%t>, 'draining': <%u>, 'bus_state': <%s>}",
    ctl_select_fields (nodes, node_fields), totals.nodes, totals.clients, totals.draining,
    bus_state);
}

gboolean
ctl_status (const CtlArguments *arguments, CtlOutput *output, GError **error)
{
  g_autoptr (RdDBusServer1) service = ctl_service_new (arguments, TRUE, error);

  if (service == NULL)
    return FALSE;

  if (arguments->all)
    print_nodes (service, output);
  else
    print_service (service, output);
  return TRUE;
}

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

static void
add_change (RdTable *table, const char *label, const char *before, const char *after)
{
  g_autofree char *change = g_strdup_printf ("%s → %s", before, after);

  rd_table_add (table, label, g_str_equal (before, after) ? after : change, NULL);
}

static void
add_numbers (RdTable *table, const char *label, guint before, guint after)
{
  g_autofree char *old = ctl_format_number (before);
  g_autofree char *new = ctl_format_number (after);

  add_change (table, label, old, new);
}

static void
print_upgrade (RdDBusServer1 *before, RdDBusServer1 *after, CtlOutput *output)
{
  const CtlHandover handover = ctl_get_handover (after);
  const guint old_pid = get_pid (before);
  const guint new_pid = get_pid (after);
  g_autoptr (RdTable) table = new_list (2);
  /* Translators: client counts */
  g_autofree char *clients = g_strdup_printf (_ ("%u moved, %u closed, %u lost"), handover.moved,
                                              handover.closed, handover.lost);
  g_autofree char *pause = g_strdup_printf (_ ("%.1f ms"), handover.pause_us / 1000.0);
  const char *outcome = _ ("upgraded");
  CtlColour colour = CTL_COLOUR_GREEN;
  g_autofree char *text = NULL;

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
  text = format_list (output, after, colour, outcome, table);
  ctl_output_print_result (
    output, text, "{'generation': <%u>, 'version': <%s>, 'pid': <%u>, " CTL_HANDOVER_JSON "}",
    rd_dbus_server1_get_generation (after), rd_dbus_server1_get_version (after), new_pid,
    handover.moved, handover.closed, handover.lost, handover.pause_us);
}

gboolean
ctl_upgrade (const CtlArguments *arguments, CtlOutput *output, GError **error)
{
  /* keeps the old worker's properties, because GDBusProxy updates them only in a main loop */
  g_autoptr (RdDBusServer1) before = ctl_service_new (arguments, TRUE, error);
  g_autoptr (RdDBusServer1) after = NULL;
  guint generation, found;

  if (before == NULL)
    return FALSE;

  generation = rd_dbus_server1_get_generation (before) + 1;
  if (!call_upgrade (before, generation, output, error))
    return FALSE;
  after = ctl_service_new (arguments, TRUE, error);
  if (after == NULL)
    return FALSE;
  found = rd_dbus_server1_get_generation (after);
  if (found != generation)
    return ctl_fail (error,
                     _ ("after the upgrade, %s has generation %u instead of %u; see its log"),
                     g_dbus_proxy_get_name (G_DBUS_PROXY (after)), found, generation);

  print_upgrade (before, after, output);
  return TRUE;
}
