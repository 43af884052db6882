/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Makes untrusted text printable, and fits text and tables to the width of a terminal. */

#include "rd-text.h"

#include <string.h>

#define MAX_CELL_CHARS 1024

/* Even if the width is unlimited, rows are padded to at most this width, so that one long cell does
 * not add padding to all rows. */
#define DEFAULT_WIDTH 80

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

struct _RdTable
{
  const RdTableColumn *columns; /* unowned: outlives us */
  guint n_columns;
  guint indent;
  guint gap;
  /* (element-type char **), owned: the cells of each row; a row with one cell spans all columns */
  GPtrArray *rows;
};

RdTable *
rd_table_new (const RdTableColumn *columns, guint n_columns, guint indent, guint gap)
{
  RdTable *self = g_new0 (RdTable, 1);

  self->columns = columns;
  self->n_columns = n_columns;
  self->indent = indent;
  self->gap = gap;
  self->rows = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  return self;
}

void
rd_table_free (RdTable *self)
{
  g_ptr_array_unref (self->rows);
  g_free (self);
}

void
rd_table_add_row (RdTable *self, const char *const *cells)
{
  char **row = g_new0 (char *, self->n_columns + 1);

  for (guint i = 0; i < self->n_columns && cells[i] != NULL; i++)
    {
      const gsize max_chars = self->columns[i].max_chars;

      row[i] = rd_text_printable (cells[i], max_chars > 0 ? max_chars : MAX_CELL_CHARS);
    }
  g_ptr_array_add (self->rows, row);
}

static gboolean
is_line (const RdTable *self, char **row)
{
  return self->n_columns > 1 && row[1] == NULL;
}

/* Returns: (transfer full): for each column, the width of its widest cell. */
static guint *
measure (const RdTable *self)
{
  guint *widths = g_new0 (guint, self->n_columns);

  for (guint row = 0; row < self->rows->len; row++)
    {
      char **cells = self->rows->pdata[row];

      for (guint i = 0; i < self->n_columns && !is_line (self, cells); i++)
        widths[i] = MAX (widths[i], rd_text_width (cells[i]));
    }
  return widths;
}

/* Reduces @widths until the table is at most @width wide. Each step narrows the widest of the
 * columns whose RdTableFit is @fit or greater, but never below a width of 1. */
static void
shrink (const RdTable *self, guint *widths, guint width, RdTableFit fit)
{
  guint total = self->indent + (self->n_columns - 1) * self->gap;

  for (guint i = 0; i < self->n_columns; i++)
    total += widths[i];

  for (; total > width; total--)
    {
      guint *widest = NULL;

      for (guint i = 0; i < self->n_columns; i++)
        {
          if (self->columns[i].fit >= fit && (widest == NULL || widths[i] > *widest))
            widest = &widths[i];
        }
      if (widest == NULL || *widest <= 1)
        return;
      --*widest;
    }
}

/* Returns: (transfer full): the lines of @cell, cut or wrapped to @width according to @fit. */
static char **
fit_cell (const char *cell, RdTableFit fit, guint width)
{
  char **lines;

  if (fit == RD_TABLE_WRAP)
    return rd_text_wrap (cell, width);

  lines = g_new0 (char *, 2);
  lines[0] = rd_text_cut (cell, width);
  return lines;
}

/* Appends @row to @text. @is_limited: whether to cut or wrap the cells to @widths. */
static void
append_row (const RdTable *self,
            char **row,
            const guint *widths,
            gboolean is_limited,
            GString *text)
{
  g_autoptr (GPtrArray) columns = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  guint n_lines = 1;

  for (guint i = 0; i < self->n_columns; i++)
    {
      const guint width = is_limited ? widths[i] : G_MAXUINT;
      char **lines = fit_cell (row[i], self->columns[i].fit, width);

      n_lines = MAX (n_lines, g_strv_length (lines));
      g_ptr_array_add (columns, lines);
    }

  for (guint line = 0; line < n_lines; line++)
    {
      for (guint i = 0; i < self->n_columns; i++)
        {
          char **lines = columns->pdata[i];
          const char *cell = line < g_strv_length (lines) ? lines[line] : "";
          const guint padding = widths[i] - MIN (widths[i], rd_text_width (cell));
          const guint before = i > 0 ? self->gap : self->indent;
          const gboolean is_right = self->columns[i].is_right;

          g_string_append_printf (text, "%*s%s%*s", (int) (before + (is_right ? padding : 0)), "",
                                  cell, (int) (is_right ? 0 : padding), "");
        }
      while (text->len > 0 && text->str[text->len - 1] == ' ')
        g_string_truncate (text, text->len - 1);
      g_string_append_c (text, '\n');
    }
}

char *
rd_table_format (const RdTable *self, guint width)
{
  g_autofree guint *widths = measure (self);
  GString *text = g_string_new (NULL);

  if (width > 0)
    shrink (self, widths, width, RD_TABLE_CUT);
  else
    shrink (self, widths, DEFAULT_WIDTH, RD_TABLE_WRAP);

  for (guint i = 0; i < self->rows->len; i++)
    {
      char **row = self->rows->pdata[i];

      if (is_line (self, row))
        g_string_append_printf (text, "%s\n", row[0]);
      else
        append_row (self, row, widths, width > 0, text);
    }
  return g_string_free (text, FALSE);
}
