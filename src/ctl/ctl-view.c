/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Formats the state, drain and hand-over of the service for several commands. */

#include "ctl-view.h"

#include <glib/gi18n.h>

#include "rd-text.h"
#include "rd-units.h"

#define MAX_STATE_CHARS 40
#define BAR_WIDTH       20

/* clang-format off */
static const struct
{
  const char *state;
  const char *word;
  CtlColour colour;
} states[] = {
  { "running", N_ ("running"), CTL_COLOUR_GREEN },
  { "draining", N_ ("draining"), CTL_COLOUR_YELLOW },
  { "drained", N_ ("drained"), CTL_COLOUR_RED },
};
/* clang-format on */

char *
ctl_view_number (guint64 number)
{
  return g_strdup_printf ("%" G_GUINT64_FORMAT, number);
}

char *
ctl_view_state (const char *state)
{
  for (gsize i = 0; i < G_N_ELEMENTS (states); i++)
    {
      if (g_str_equal (states[i].state, state))
        return g_strdup (_ (states[i].word));
    }
  return rd_text_printable (state, MAX_STATE_CHARS);
}

CtlColour
ctl_view_colour_of_state (const char *state)
{
  for (gsize i = 0; i < G_N_ELEMENTS (states); i++)
    {
      if (g_str_equal (states[i].state, state))
        return states[i].colour;
    }
  return CTL_COLOUR_RED;
}

char *
ctl_view_remaining (guint clients, guint seconds_left)
{
  g_autofree char *left = rd_units_format_seconds (seconds_left);

  if (seconds_left == 0 && clients == 0)
    return g_strdup (_ ("drained"));
  if (seconds_left == 0)
    return g_strdup_printf (ngettext ("closing %u client", "closing %u clients", clients), clients);

  /* Translators: the last is a duration, such as 29min 55s */
  return g_strdup_printf (
    ngettext ("waiting for %u client, %s left", "waiting for %u clients, %s left", clients),
    clients, left);
}

static void
append_bar (GString *text, guint done, guint total)
{
  guint filled = total > 0 ? (guint64) done * BAR_WIDTH / total : BAR_WIDTH;

  for (guint i = 0; i < BAR_WIDTH; i++)
    g_string_append (text, i < filled ? "█" : "░");
}

char *
ctl_view_drain (guint clients, guint most, guint seconds_left)
{
  g_autofree char *remaining = ctl_view_remaining (clients, seconds_left);
  GString *text = g_string_new (NULL);

  append_bar (text, most - MIN (clients, most), most);
  g_string_append_printf (text, " %s", remaining);
  return g_string_free (text, FALSE);
}

CtlHandover
ctl_view_get_handover (RdDBusServer1 *service)
{
  GVariant *report = rd_dbus_server1_get_handover (service);
  CtlHandover handover = { 0 };

  g_variant_lookup (report, "moved", "u", &handover.moved);
  g_variant_lookup (report, "closed", "u", &handover.closed);
  g_variant_lookup (report, "lost", "u", &handover.lost);
  g_variant_lookup (report, "pause", "t", &handover.pause_us);
  return handover;
}

void
ctl_view_add_handover (const CtlHandover *handover, GVariantBuilder *object)
{
  g_variant_builder_add (object, "{sv}", "moved", g_variant_new_uint32 (handover->moved));
  g_variant_builder_add (object, "{sv}", "closed", g_variant_new_uint32 (handover->closed));
  g_variant_builder_add (object, "{sv}", "lost", g_variant_new_uint32 (handover->lost));
  g_variant_builder_add (object, "{sv}", "pause", g_variant_new_uint64 (handover->pause_us));
}

guint
ctl_view_get_pid (RdDBusServer1 *service)
{
  GVariant *nodes = rd_dbus_server1_get_nodes (service);

  for (gsize i = 0; i < g_variant_n_children (nodes); i++)
    {
      g_autoptr (GVariant) node = g_variant_get_child_value (nodes, i);
      gboolean is_self = FALSE;
      guint pid = 0;

      if (g_variant_lookup (node, "self", "b", &is_self) && is_self)
        {
          g_variant_lookup (node, "pid", "u", &pid);
          return pid;
        }
    }
  return 0;
}

RdTable *
ctl_view_new_list (void)
{
  static const RdTableColumn columns[] = { { .is_right = TRUE }, { .fit = RD_TABLE_WRAP } };

  return rd_table_new (columns, G_N_ELEMENTS (columns), 2, 1);
}

char *
ctl_view_format_list (const CtlOutput *output,
                      const char *name,
                      CtlColour colour,
                      const char *outcome,
                      const RdTable *list)
{
  g_autofree char *dot = ctl_output_paint (output, colour, "●");
  g_autofree char *painted = ctl_output_paint (output, colour, outcome);
  g_autofree char *rows = rd_table_format (list, ctl_output_get_width (output));

  return g_strdup_printf ("%s %s: %s\n%s", dot, name, painted, g_strchomp (rows));
}
