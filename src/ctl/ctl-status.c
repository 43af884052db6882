/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The command “status”: one look at the service. Shows what the properties on D-Bus tell, each
 * where people look for it, or as JSON by the name it has there; adds nothing, and keeps nothing to
 * compare with. */

#include <glib/gi18n.h>

#include "ctl-arguments.h"
#include "ctl-commands.h"
#include "ctl-handover.h"
#include "ctl-nodes.h"
#include "ctl-service.h"
#include "ctl-view.h"
#include "rd-table.h"

#define INDENT 2

static const RdTableColumn columns[] = { { .is_right = TRUE }, { .fit = RD_TABLE_WRAP } };

static void
add (RdTable *table, const char *label, const char *value)
{
  rd_table_add (table, label, value, NULL);
}

static void
add_addresses (RdTable *table, RdDBusServer1 *proxy)
{
  const char *const *addresses = rd_dbus_server1_get_addresses (proxy);

  if (addresses[0] == NULL)
    add (table, _ ("Addresses:"), C_ ("addresses", "none"));
  for (gsize i = 0; addresses[i] != NULL; i++)
    add (table, i == 0 ? _ ("Addresses:") : "", addresses[i]);
}

/* What the whole time was is not known, so the bar measures clients: against the most there were.
 */
static void
add_drain (RdTable *table, RdDBusServer1 *proxy)
{
  g_autofree char *text = NULL;

  if (!g_str_equal (rd_dbus_server1_get_state (proxy), "draining"))
    return;

  text = ctl_view_drain (rd_dbus_server1_get_connections (proxy),
                         rd_dbus_server1_get_peak_connections (proxy),
                         rd_dbus_server1_get_drain_seconds_left (proxy));
  add (table, _ ("Drain:"), text);
}

static void
add_counts (RdTable *table, RdDBusServer1 *proxy)
{
  g_autofree char *total = ctl_view_number (rd_dbus_server1_get_total_connections (proxy));
  g_autofree char *published = ctl_view_number (rd_dbus_server1_get_messages_published (proxy));
  g_autofree char *delivered = ctl_view_number (rd_dbus_server1_get_messages_delivered (proxy));
  g_autofree char *clients
    /* Translators: numbers of clients: connected now, most at one time, since the start */
    = g_strdup_printf (_ ("%u now, %u at most, %s in total"),
                       rd_dbus_server1_get_connections (proxy),
                       rd_dbus_server1_get_peak_connections (proxy), total);
  g_autofree char *messages
    /* Translators: numbers of messages */
    = g_strdup_printf (_ ("%s published, %s delivered"), published, delivered);

  add (table, _ ("Clients:"), clients);
  add (table, _ ("Messages:"), messages);
}

/* Only where there was one. */
static void
add_handover (RdTable *table, RdDBusServer1 *proxy)
{
  const CtlHandover handover = ctl_handover_get (proxy);
  const guint generation = rd_dbus_server1_get_generation (proxy);
  g_autofree char *number = ctl_view_number (generation);
  g_autofree char *report
    /* Translators: numbers of clients, and milliseconds in which nobody was served */
    = g_strdup_printf (_ ("%u moved, %u closed, %u lost; pause %.1f ms"), handover.moved,
                       handover.closed, handover.lost, ctl_handover_get_pause_ms (&handover));

  if (generation <= 1)
    return;

  /* Translators: the number of the process, each of which took over from the one before */
  add (table, _ ("Generation:"), number);
  /* Translators: of the clients, from one process to the next */
  add (table, _ ("Hand-over:"), report);
}

static void
print_text (CtlService *service, CtlOutput *output)
{
  RdDBusServer1 *proxy = ctl_service_get_proxy (service);
  const char *state = rd_dbus_server1_get_state (proxy);
  const CtlColour colour = ctl_view_colour_of_state (state);
  g_autoptr (RdTable) table = rd_table_new (columns, G_N_ELEMENTS (columns), INDENT, 1);
  g_autofree char *dot = ctl_output_paint (output, colour, "●");
  g_autofree char *word = ctl_view_state (state);
  g_autofree char *painted = ctl_output_paint (output, colour, word);
  g_autofree char *rows = NULL;
  g_autofree char *text = NULL;

  add_drain (table, proxy);
  add (table, _ ("Version:"), rd_dbus_server1_get_version (proxy));
  if (*rd_dbus_server1_get_instance (proxy) != '\0')
    add (table, _ ("Instance:"), rd_dbus_server1_get_instance (proxy));
  add_addresses (table, proxy);
  add_counts (table, proxy);
  add_handover (table, proxy);
  rd_table_add (table, _ ("Bus:"), rd_dbus_server1_get_bus_state (proxy), NULL);

  rows = rd_table_format (table, ctl_output_get_width (output));
  text = g_strdup_printf ("%s %s: %s\n%s", dot, ctl_service_get_name (service), painted, rows);
  ctl_output_print (output, text);
}

/* Returns: (transfer floating): an object that is empty where there was none. */
static GVariant *
handover_to_json (RdDBusServer1 *proxy)
{
  const CtlHandover handover = ctl_handover_get (proxy);
  GVariantBuilder report;

  g_variant_builder_init (&report, G_VARIANT_TYPE_VARDICT);
  if (rd_dbus_server1_get_generation (proxy) > 1)
    ctl_handover_add_json (&handover, &report);
  return g_variant_builder_end (&report);
}

static void
print_json (RdDBusServer1 *proxy, CtlOutput *output)
{
  GVariantBuilder status;

  g_variant_builder_init (&status, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&status, "{sv}", "state",
                         g_variant_new_string (rd_dbus_server1_get_state (proxy)));
  g_variant_builder_add (&status, "{sv}", "version",
                         g_variant_new_string (rd_dbus_server1_get_version (proxy)));
  g_variant_builder_add (&status, "{sv}", "instance",
                         g_variant_new_string (rd_dbus_server1_get_instance (proxy)));
  g_variant_builder_add (&status, "{sv}", "addresses",
                         g_variant_new_strv (rd_dbus_server1_get_addresses (proxy), -1));
  g_variant_builder_add (&status, "{sv}", "connections",
                         g_variant_new_uint32 (rd_dbus_server1_get_connections (proxy)));
  g_variant_builder_add (&status, "{sv}", "peak_connections",
                         g_variant_new_uint32 (rd_dbus_server1_get_peak_connections (proxy)));
  g_variant_builder_add (&status, "{sv}", "total_connections",
                         g_variant_new_uint64 (rd_dbus_server1_get_total_connections (proxy)));
  g_variant_builder_add (&status, "{sv}", "messages_published",
                         g_variant_new_uint64 (rd_dbus_server1_get_messages_published (proxy)));
  g_variant_builder_add (&status, "{sv}", "messages_delivered",
                         g_variant_new_uint64 (rd_dbus_server1_get_messages_delivered (proxy)));
  g_variant_builder_add (&status, "{sv}", "drain_seconds_left",
                         g_variant_new_uint32 (rd_dbus_server1_get_drain_seconds_left (proxy)));
  g_variant_builder_add (&status, "{sv}", "bus_state",
                         g_variant_new_string (rd_dbus_server1_get_bus_state (proxy)));
  g_variant_builder_add (&status, "{sv}", "generation",
                         g_variant_new_uint32 (rd_dbus_server1_get_generation (proxy)));
  g_variant_builder_add (&status, "{sv}", "handover", handover_to_json (proxy));
  ctl_output_print_json (output, g_variant_builder_end (&status));
}

static gboolean
run (const CtlArguments *arguments, CtlOutput *output, GError **error)
{
  g_autoptr (CtlService) service = ctl_service_new (arguments, error);

  if (service == NULL || !ctl_service_load (service, error))
    return FALSE;

  if (ctl_arguments_has (arguments, "all"))
    ctl_nodes_print (ctl_service_get_proxy (service), output);
  else if (ctl_output_is_json (output))
    print_json (ctl_service_get_proxy (service), output);
  else
    print_text (service, output);
  return TRUE;
}

/* clang-format off */
static const CtlOption options[] = {
  { "all", NULL, N_ ("Show all workers of the service instead, with their clients") },
  { .name = NULL },
};

const CtlCommand ctl_status_command = {
  .name = "status",
  .summary = N_ ("Show the state and the counts of the service"),
  .description =
    N_ ("Shows the state of the service, where it listens, and how many clients and\n"
       "messages there were. During a drain also the time left, and a bar that is full\n"
       "when all clients have left, measured against the most there were. After an\n"
       "upgrade also how the clients were handed over.\n"
       "With --all the workers that share a Redis server with this one, and what they\n"
       "add up to."),
  .options = options,
  .run = run,
};
/* clang-format on */
