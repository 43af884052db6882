/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Formats output that several commands share: states, the progress of a drain, and tables. */

#include "ctl-view.h"

#include <glib/gi18n.h>

#include "rd-text.h"
#include "rd-units.h"

#define MAX_STATE_CHARS 40
#define BAR_WIDTH       20

char *
ctl_view_number (guint64 number)
{
  return g_strdup_printf ("%" G_GUINT64_FORMAT, number);
}

char *
ctl_view_state (const char *state)
{
  static const char *const known[] = { N_ ("running"), N_ ("draining"), N_ ("drained"), NULL };

  return g_strv_contains (known, state) ? g_strdup (_ (state))
                                        : rd_text_printable (state, MAX_STATE_CHARS);
}

CtlColour
ctl_view_colour_of_state (const char *state)
{
  if (g_str_equal (state, "running"))
    return CTL_COLOUR_GREEN;
  return g_str_equal (state, "draining") ? CTL_COLOUR_YELLOW : CTL_COLOUR_RED;
}

char *
ctl_view_remaining (guint clients, guint seconds_left)
{
  g_autofree char *left = rd_units_format_seconds (seconds_left);

  if (seconds_left == 0 && clients == 0)
    return g_strdup (_ ("drained"));
  if (seconds_left == 0)
    return g_strdup_printf (ngettext ("closing %u client", "closing %u clients", clients), clients);

  /* Translators: %s is a duration, such as 29min 55s */
  return g_strdup_printf (
    ngettext ("waiting for %u client, %s left", "waiting for %u clients, %s left", clients),
    clients, left);
}

char *
ctl_view_drain (RdDBusServer1 *service, guint most)
{
  const guint clients = rd_dbus_server1_get_connections (service);
  const guint left = most - MIN (clients, most);
  const guint filled = most > 0 ? (guint64) left * BAR_WIDTH / most : BAR_WIDTH;
  g_autofree char *remaining = ctl_view_remaining (
    clients, rd_dbus_server1_get_drain_seconds_left (service));
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < BAR_WIDTH; i++)
    g_string_append (text, i < filled ? "█" : "░");
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

static char *
format_value (const CtlField *field, GVariant *dictionary)
{
  g_autoptr (GVariant) value = g_variant_lookup_value (dictionary, field->key,
                                                       G_VARIANT_TYPE (field->type));

  if (value == NULL)
    return g_strdup ("");
  if (field->format != NULL)
    return field->format (value);
  return *field->type == 's' ? g_variant_dup_string (value, NULL) : g_variant_print (value, FALSE);
}

/* Adds the values of @dictionary as a row; if @dictionary is NULL, adds the headings of @fields. */
static void
add_row (RdTable *table, const CtlField *fields, GVariant *dictionary)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) cells = NULL;

  for (const CtlField *field = fields; field->key != NULL; field++)
    {
      g_autofree char *value = dictionary != NULL ? format_value (field, dictionary) : NULL;

      if (field->heading != NULL)
        g_strv_builder_add (builder, dictionary != NULL ? value : _ (field->heading));
    }
  cells = g_strv_builder_end (builder);
  rd_table_add_row (table, (const char *const *) cells);
}

char *
ctl_view_format_table (GVariant *dictionaries, const CtlField *fields, guint width)
{
  g_autoptr (GArray) columns = g_array_new (FALSE, FALSE, sizeof (RdTableColumn));
  g_autoptr (RdTable) table = NULL;

  for (const CtlField *field = fields; field->key != NULL; field++)
    {
      const gboolean is_text = *field->type == 's';
      const RdTableColumn column = { .fit = is_text ? RD_TABLE_CUT : RD_TABLE_KEEP,
                                     .is_right = !is_text };

      if (field->heading != NULL)
        g_array_append_val (columns, column);
    }

  table = rd_table_new ((const RdTableColumn *) (gpointer) columns->data, columns->len, 0, 2);
  add_row (table, fields, NULL);
  for (gsize i = 0; i < g_variant_n_children (dictionaries); i++)
    {
      g_autoptr (GVariant) dictionary = g_variant_get_child_value (dictionaries, i);

      add_row (table, fields, dictionary);
    }
  return rd_table_format (table, width);
}

GVariant *
ctl_view_select (GVariant *dictionaries, const CtlField *fields)
{
  GVariantBuilder known;

  g_variant_builder_init (&known, G_VARIANT_TYPE ("aa{sv}"));
  for (gsize i = 0; i < g_variant_n_children (dictionaries); i++)
    {
      g_autoptr (GVariant) dictionary = g_variant_get_child_value (dictionaries, i);

      g_variant_builder_open (&known, G_VARIANT_TYPE_VARDICT);
      for (const CtlField *field = fields; field->key != NULL; field++)
        {
          g_autoptr (GVariant) value = g_variant_lookup_value (dictionary, field->key,
                                                               G_VARIANT_TYPE (field->type));

          if (value != NULL)
            g_variant_builder_add (&known, "{sv}", field->key, value);
        }
      g_variant_builder_close (&known);
    }
  return g_variant_builder_end (&known);
}
