/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Formats text as roff or as comments in a key file. */

#include "manual-text.h"

#include <string.h>

#define COLUMNS 80

/* Appends @c, escaped so that roff prints the ASCII character. */
static void
add_char (GString *out, const ManualStyle *style, char c)
{
  static const struct
  {
    char c;
    const char *escape;
  } escapes[] = { { '\\', "\\e" },  { '-', "\\-" },   { '\'', "\\(aq" }, { '"', "\\(dq" },
                  { '`', "\\(ga" }, { '^', "\\(ha" }, { '~', "\\(ti" } };

  for (gsize i = 0; style->is_roff && i < G_N_ELEMENTS (escapes); i++)
    {
      if (escapes[i].c == c)
        {
          g_string_append (out, escapes[i].escape);
          return;
        }
    }
  g_string_append_c (out, c);
}

void
manual_add_text (GString *out, const ManualStyle *style, const char *text)
{
  for (; *text != '\0'; text++)
    add_char (out, style, *text);
}

/* Returns: (transfer full): @word, with the name of an option in bold. */
static char *
format_word (const ManualStyle *style, const char *word)
{
  GString *out = g_string_new (style->is_roff && *word == '.' ? "\\&"
                                                              : ""); /* not a roff request */
  gsize n = strspn (word, "abcdefghijklmnopqrstuvwxyz-");

  if (g_str_has_prefix (word, "--") && n > strlen ("--"))
    {
      g_autofree char *name = g_strndup (word + strlen ("--"), n - strlen ("--"));

      g_string_append (out, style->bold);
      g_string_append (out, style->dashes);
      manual_add_text (out, style, name);
      g_string_append (out, style->roman);
      word += n;
    }
  manual_add_text (out, style, word);
  return g_string_free (out, FALSE);
}

void
manual_add_paragraph (GString *out, const ManualStyle *style, const char *text)
{
  g_auto (GStrv) words = g_strsplit (text, " ", -1);
  gsize column = 0;

  for (char **word = words; *word != NULL; word++)
    {
      g_autofree char *shown = format_word (style, *word);
      const gboolean ends = style->is_roff && g_str_has_suffix (shown, ".");
      gsize width = g_utf8_strlen (shown, -1);

      if (column > 0 && column + 1 + width > COLUMNS)
        {
          g_string_append_c (out, '\n');
          column = 0;
        }
      g_string_append (out, column == 0 ? style->indent : " ");
      column += column == 0 ? strlen (style->indent) : 1;
      g_string_append (out, shown);
      column = ends ? COLUMNS : column + width;
    }
  g_string_append_c (out, '\n');
}
