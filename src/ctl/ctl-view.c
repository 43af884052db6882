/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The words, colours and bars that several commands share, so that the same thing looks the same
 * everywhere. Prints nothing itself, and asks nobody: what it shows are its callers' plain
 * values. */

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
