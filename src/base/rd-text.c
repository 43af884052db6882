/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Makes text that strangers chose fit to be shown: no control character of it, and so no escape
 * sequence of a terminal and no second line in a log, gets through. Judges characters by what they
 * are, never by what the text means. */

#include "rd-text.h"

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
