/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Makes untrusted text printable, and fits text to the width of a terminal. */

#include "rd-text.h"

#include <string.h>

char *
rd_text_printable (const char *text, gsize max_chars)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString *shown = g_string_new (NULL);

  for (const char *p = valid; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (max_chars-- == 0)
        {
          g_string_append (shown, "…");
          break;
        }
      if (g_unichar_isprint (c))
        g_string_append_unichar (shown, c);
      else
        g_string_append_printf (shown, "\\u%04x", c);
    }
  return g_string_free (shown, FALSE);
}

static guint
char_width (gunichar c)
{
  if (g_unichar_iszerowidth (c))
    return 0;
  return g_unichar_iswide (c) ? 2 : 1;
}

guint
rd_text_width (const char *text)
{
  guint width = 0;

  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    width += char_width (g_utf8_get_char (p));
  return width;
}

char *
rd_text_cut (const char *text, guint columns)
{
  const char *end = text;
  guint taken = 0;

  if (rd_text_width (text) <= columns)
    return g_strdup (text);
  if (columns == 0)
    return g_strdup ("");

  while ((taken += char_width (g_utf8_get_char (end))) < columns) /* leaves one column for "…" */
    end = g_utf8_next_char (end);
  return g_strdup_printf ("%.*s…", (int) (end - text), text);
}

/* Returns: TRUE if a line may break between the two characters. Implements the part of UAX #14 for
 * text without spaces: allows breaks next to ideographs, but keeps punctuation with its text. */
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

/* Returns: the end of the longest line that begins at @start and is at most @columns wide. */
static const char *
end_of_line (const char *start, guint columns)
{
  const char *end = NULL; /* last position so far at which the line may break */
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
rd_text_wrap (const char *text, guint columns)
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
