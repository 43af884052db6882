/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* How all workers of the service are shown: as a table, with what they add up to, and with the
 * state of the bus, by which one that is alone is told from one that cannot see the others. Shows
 * what one of them says, and asks none of the others. */

#include "ctl-nodes.h"

#include <glib/gi18n.h>

#include "ctl-json.h"
#include "ctl-view.h"
#include "rd-table.h"

#define GAP 2

static const RdTableColumn columns[] = {
  { .fit = RD_TABLE_CUT }, { .is_right = TRUE }, { .fit = RD_TABLE_CUT },
  { .fit = RD_TABLE_CUT }, { .is_right = TRUE }, { .fit = RD_TABLE_CUT },
};

static const RdTableColumn bus_columns[] = { { .is_right = FALSE }, { .fit = RD_TABLE_WRAP } };

static const CtlJsonField fields[] = {
  { "id", "s" },    { "host", "s" },    { "pid", "u" },     { "instance", "s" },
  { "state", "s" }, { "clients", "u" }, { "version", "s" }, { "self", "b" },
};

typedef struct
{
  guint workers;
  guint draining;
  guint64 clients;
} Totals;

static const char *
lookup_text (GVariant *node, const char *key)
{
  const char *text = "";

  g_variant_lookup (node, key, "&s", &text);
  return text;
}

static guint
lookup_number (GVariant *node, const char *key)
{
  guint number = 0;

  g_variant_lookup (node, key, "u", &number);
  return number;
}

static Totals
add_up (GVariant *nodes)
{
  Totals totals = { .workers = g_variant_n_children (nodes) };

  for (guint i = 0; i < totals.workers; i++)
    {
      g_autoptr (GVariant) node = g_variant_get_child_value (nodes, i);

      totals.clients += lookup_number (node, "clients");
      if (g_str_equal (lookup_text (node, "state"), "draining"))
        totals.draining++;
    }
  return totals;
}

static void
add_header (RdTable *table)
{
  rd_table_add (table, /* Translators: heading of a column: the name of a machine */
                _ ("HOST"),
                /* Translators: heading of a column: the number of a process */
                _ ("PID"),
                /* Translators: heading of a column: the value of --instance */
                _ ("INSTANCE"),
                /* Translators: heading of a column: running, draining, drained */
                _ ("STATE"),
                /* Translators: heading of a column: how many clients a worker has */
                _ ("CLIENTS"),
                /* Translators: heading of a column: the version of a program */
                _ ("VERSION"), NULL);
}

static void
add_node (RdTable *table, GVariant *node)
{
  g_autofree char *pid = ctl_view_number (lookup_number (node, "pid"));
  g_autofree char *state = ctl_view_state (lookup_text (node, "state"));
  g_autofree char *clients = ctl_view_number (lookup_number (node, "clients"));

  rd_table_add (table, lookup_text (node, "host"), pid, lookup_text (node, "instance"), state,
                clients, lookup_text (node, "version"), NULL);
}

static char *
format_nodes (GVariant *nodes, guint width)
{
  g_autoptr (RdTable) table = rd_table_new (columns, G_N_ELEMENTS (columns), 0, GAP);

  add_header (table);
  for (gsize i = 0; i < g_variant_n_children (nodes); i++)
    {
      g_autoptr (GVariant) node = g_variant_get_child_value (nodes, i);

      add_node (table, node);
    }
  return rd_table_format (table, width);
}

static char *
format_bus (const char *state, guint width)
{
  g_autoptr (RdTable) table = rd_table_new (bus_columns, G_N_ELEMENTS (bus_columns), 0, 1);

  rd_table_add (table, _ ("Bus:"), state, NULL);
  return rd_table_format (table, width);
}

static void
print_text (GVariant *nodes, const char *bus_state, CtlOutput *output)
{
  const guint width = ctl_output_get_width (output);
  const Totals totals = add_up (nodes);
  g_autofree char *rows = format_nodes (nodes, width);
  g_autofree char *clients = ctl_view_number (totals.clients);
  g_autofree char *sums
    /* Translators: three numbers; draining: how many of the workers are */
    = g_strdup_printf (_ ("Workers: %u, clients: %s, draining: %u"), totals.workers, clients,
                       totals.draining);
  g_autofree char *bus = format_bus (bus_state, width);
  g_autofree char *text = g_strdup_printf ("%s\n%s\n%s", rows, sums, bus);

  ctl_output_print (output, text);
}

static void
print_json (GVariant *nodes, const char *bus_state, CtlOutput *output)
{
  const Totals totals = add_up (nodes);
  GVariantBuilder all;

  g_variant_builder_init (&all, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&all, "{sv}", "nodes",
                         ctl_json_select (nodes, fields, G_N_ELEMENTS (fields)));
  g_variant_builder_add (&all, "{sv}", "workers", g_variant_new_uint32 (totals.workers));
  g_variant_builder_add (&all, "{sv}", "clients", g_variant_new_uint64 (totals.clients));
  g_variant_builder_add (&all, "{sv}", "draining", g_variant_new_uint32 (totals.draining));
  g_variant_builder_add (&all, "{sv}", "bus_state", g_variant_new_string (bus_state));
  ctl_output_print_json (output, g_variant_builder_end (&all));
}

void
ctl_nodes_print (RdDBusServer1 *proxy, CtlOutput *output)
{
  GVariant *nodes = rd_dbus_server1_get_nodes (proxy);
  const char *bus_state = rd_dbus_server1_get_bus_state (proxy);

  if (ctl_output_is_json (output))
    print_json (nodes, bus_state, output);
  else
    print_text (nodes, bus_state, output);
}

guint
ctl_nodes_get_own_pid (RdDBusServer1 *proxy)
{
  GVariant *nodes = rd_dbus_server1_get_nodes (proxy);

  for (gsize i = 0; i < g_variant_n_children (nodes); i++)
    {
      g_autoptr (GVariant) node = g_variant_get_child_value (nodes, i);
      gboolean is_self = FALSE;

      if (g_variant_lookup (node, "self", "b", &is_self) && is_self)
        return lookup_number (node, "pid");
    }
  return 0;
}
