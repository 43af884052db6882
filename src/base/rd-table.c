/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Formats text tables that fit the width of a terminal. */

#include "rd-table.h"

#include "rd-text.h"

#define MAX_CELL_CHARS 1024

/* Width for padding if there is no limit: a long wrapped cell does not widen the other rows. */
#define DEFAULT_WIDTH 80

struct _RdTable
{
  const RdTableColumn *columns; /* unowned: outlives us */
  guint n_columns;
  guint indent;
  guint gap;
  GPtrArray *rows; /* char **, owned: n_columns cells, or the only text of a line of its own */
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
rd_table_add (RdTable *self, ...)
{
  char **cells = g_new0 (char *, self->n_columns + 1);
  va_list args;

  va_start (args, self);
  for (guint i = 0; i < self->n_columns; i++)
    {
      const gsize max_chars = self->columns[i].max_chars;

      cells[i] = rd_text_printable (va_arg (args, const char *),
                                    max_chars > 0 ? max_chars : MAX_CELL_CHARS);
    }
  g_assert (va_arg (args, const char *) == NULL);
  va_end (args);
  g_ptr_array_add (self->rows, cells);
}

void
rd_table_add_line (RdTable *self, const char *text)
{
  char **cells = g_new0 (char *, 2);

  cells[0] = rd_text_printable (text, MAX_CELL_CHARS);
  g_ptr_array_add (self->rows, cells);
}

static gboolean
is_line (const RdTable *self, char **row)
{
  return self->n_columns > 1 && row[1] == NULL;
}

/* Returns: (transfer full): the width of each column at its widest cell. */
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

/* Narrows the columns whose fit is at least @fit, the widest first, until the table fits @width. */
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

static void
append_spaces (GString *text, guint count)
{
  g_string_append_printf (text, "%*s", (int) count, "");
}

static void
append_cells (const RdTable *self, const char *const *cells, const guint *widths, GString *text)
{
  append_spaces (text, self->indent);
  for (guint i = 0; i < self->n_columns; i++)
    {
      const guint used = rd_text_width (cells[i]);
      const guint padding = widths[i] > used ? widths[i] - used : 0;

      if (i > 0)
        append_spaces (text, self->gap);
      if (self->columns[i].is_right)
        append_spaces (text, padding);
      g_string_append (text, cells[i]);
      if (!self->columns[i].is_right)
        append_spaces (text, padding);
    }
  while (text->len > 0 && text->str[text->len - 1] == ' ')
    g_string_truncate (text, text->len - 1);
  g_string_append_c (text, '\n');
}

/* Appends a row that is cut and wrapped to @widths. */
static void
append_fitted (const RdTable *self, char **row, const guint *widths, GString *text)
{
  g_autoptr (GPtrArray) columns = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);
  g_autofree const char **cells = g_new0 (const char *, self->n_columns);
  guint n_lines = 1;

  for (guint i = 0; i < self->n_columns; i++)
    {
      char **lines = NULL;

      if (self->columns[i].fit == RD_TABLE_WRAP)
        lines = rd_text_wrap (row[i], widths[i]);
      else
        {
          lines = g_new0 (char *, 2);
          lines[0] = rd_text_cut (row[i], widths[i]);
        }
      n_lines = MAX (n_lines, g_strv_length (lines));
      g_ptr_array_add (columns, lines);
    }

  for (guint line = 0; line < n_lines; line++)
    {
      for (guint i = 0; i < self->n_columns; i++)
        {
          char **lines = columns->pdata[i];

          cells[i] = line < g_strv_length (lines) ? lines[line] : "";
        }
      append_cells (self, cells, widths, text);
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
      else if (width > 0)
        append_fitted (self, row, widths, text);
      else
        append_cells (self, (const char *const *) row, widths, text);
    }
  return g_string_free (text, FALSE);
}
