/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* How text lies on a terminal: how wide it is, and where it may be broken, also in a language that
 * puts no spaces between its words. Has no words of its own, and does not know what it breaks.
 * Strings are valid UTF-8, and printable. */

#include "rd-layout.h"

#include <string.h>

static guint
char_width (gunichar c)
{
  if (g_unichar_iszerowidth (c))
    return 0;
  return g_unichar_iswide (c) ? 2 : 1;
}

guint
rd_layout_width (const char *text)
{
  guint width = 0;

  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    width += char_width (g_utf8_get_char (p));
  return width;
}

char *
rd_layout_cut (const char *text, guint columns)
{
  const char *end = text;
  guint taken = 0;

  if (rd_layout_width (text) <= columns)
    return g_strdup (text);
  if (columns == 0)
    return g_strdup ("");

  for (;;)
    {
      taken += char_width (g_utf8_get_char (end));
      if (taken > columns - 1) /* the last column is for the ellipsis */
        break;
      end = g_utf8_next_char (end);
    }
  return g_strdup_printf ("%.*s…", (int) (end - text), text);
}

/* UAX #14, as far as text without spaces needs it: around an ideograph, but so that punctuation
 * stays where it belongs. */
static gboolean
may_break_between (gunichar before, gunichar after)
{
  const GUnicodeBreakType left = g_unichar_break_type (before);
  const GUnicodeBreakType right = g_unichar_break_type (after);

  if (left != G_UNICODE_BREAK_IDEOGRAPHIC && right != G_UNICODE_BREAK_IDEOGRAPHIC)
    return FALSE;
  return left != G_UNICODE_BREAK_OPEN_PUNCTUATION && left != G_UNICODE_BREAK_QUOTATION
         && right != G_UNICODE_BREAK_CLOSE_PUNCTUATION && right != G_UNICODE_BREAK_QUOTATION
         && right != G_UNICODE_BREAK_NON_STARTER && right != G_UNICODE_BREAK_EXCLAMATION
         && right != G_UNICODE_BREAK_CLOSE_PARANTHESIS;
}

/* Returns: where the line ends that starts with @start. */
static const char *
end_of_line (const char *start, guint columns)
{
  const char *end = NULL; /* the last place to break at */
  gunichar before = 0;
  guint width = 0;
  const char *p;

  for (p = start; *p != '\0'; p = g_utf8_next_char (p))
    {
      const gunichar c = g_utf8_get_char (p);

      if (c == ' ' || (p > start && may_break_between (before, c)))
        end = p;
      width += char_width (c);
      if (width > columns)
        break;
      before = c;
    }
  if (*p == '\0')
    return p;
  if (end > start)
    return end;
  return p > start ? p : g_utf8_next_char (p);
}

char **
rd_layout_wrap (const char *text, guint columns)
{
  g_autoptr (GStrvBuilder) lines = g_strv_builder_new ();

  do
    {
      const char *end = end_of_line (text, columns);
      g_autofree char *line = g_strndup (text, end - text);

      g_strv_builder_add (lines, g_strchomp (line));
      text = end + strspn (end, " ");
    }
  while (*text != '\0');

  return g_strv_builder_end (lines);
}

void
rd_layout_append (GString *page, const char *lead, const char *text, guint columns)
{
  const guint indent = rd_layout_width (lead);
  g_auto (GStrv) lines = rd_layout_wrap (text, columns > indent ? columns - indent : G_MAXUINT);

  g_string_append_printf (page, "%s%s\n", lead, lines[0]);
  for (char **line = lines + 1; *line != NULL; line++)
    g_string_append_printf (page, "%*s%s\n", (int) indent, "", *line);
}
