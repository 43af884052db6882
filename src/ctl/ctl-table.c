/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Lays text out in columns, each as wide as its widest cell, as long as they fit. Makes every cell
 * printable, so that nothing a stranger chose reaches a terminal by way of a table. Knows neither
 * colours nor what is in the cells. */

#include "ctl-table.h"

#include "rd-layout.h"
#include "rd-text.h"

#define MAX_CELL_CHARS 1024

typedef struct
{
  char **cells; /* owned */
  gboolean is_wrapped;
} Row;

struct _CtlTable
{
  const CtlColumn *columns; /* unowned: outlives us */
  guint n_columns;
  guint indent;
  guint gap;
  GArray *rows; /* Row */
};

static void
clear_row (gpointer row)
{
  g_strfreev (((Row *) row)->cells);
}

CtlTable *
ctl_table_new (const CtlColumn *columns, guint n_columns, guint indent, guint gap)
{
  CtlTable *self = g_new0 (CtlTable, 1);

  self->columns = columns;
  self->n_columns = n_columns;
  self->indent = indent;
  self->gap = gap;
  self->rows = g_array_new (FALSE, FALSE, sizeof (Row));
  g_array_set_clear_func (self->rows, clear_row);
  return self;
}

void
ctl_table_free (CtlTable *self)
{
  g_array_unref (self->rows);
  g_free (self);
}

static void
add_row (CtlTable *self, const char *const *cells, gboolean is_wrapped)
{
  Row row = { g_new0 (char *, self->n_columns + 1), is_wrapped };

  for (guint i = 0; i < self->n_columns; i++)
    row.cells[i] = rd_text_printable (cells[i], MAX_CELL_CHARS);
  g_array_append_val (self->rows, row);
}

void
ctl_table_add (CtlTable *self, const char *const *cells)
{
  add_row (self, cells, FALSE);
}

void
ctl_table_add_wrapped (CtlTable *self, const char *const *cells)
{
  add_row (self, cells, TRUE);
}

/* Takes the columns that may shrink down, the widest first, until all fit into @width. */
static void
shrink (const CtlTable *self, guint *widths, guint width)
{
  guint total = self->indent + (self->n_columns - 1) * self->gap;

  for (guint i = 0; i < self->n_columns; i++)
    total += widths[i];

  for (; total > width; total--)
    {
      guint *widest = NULL;

      for (guint i = 0; i < self->n_columns; i++)
        {
          if (self->columns[i].may_shrink && (widest == NULL || widths[i] > *widest))
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
append_line (const CtlTable *self, const char *const *cells, const guint *widths, GString *text)
{
  append_spaces (text, self->indent);
  for (guint i = 0; i < self->n_columns; i++)
    {
      g_autofree char *cell = rd_layout_cut (cells[i], widths[i]);
      guint padding = widths[i] - rd_layout_width (cell);

      if (i > 0)
        append_spaces (text, self->gap);
      if (self->columns[i].is_right)
        append_spaces (text, padding);
      g_string_append (text, cell);
      if (!self->columns[i].is_right)
        append_spaces (text, padding);
    }
  while (text->len > 0 && text->str[text->len - 1] == ' ')
    g_string_truncate (text, text->len - 1);
  g_string_append_c (text, '\n');
}

static void
append_row (const CtlTable *self, const Row *row, const guint *widths, GString *text)
{
  const guint last = self->n_columns - 1;
  g_auto (GStrv) lines = NULL;
  g_autofree const char **cells = NULL; /* unowned strings */

  if (!row->is_wrapped)
    {
      append_line (self, (const char *const *) row->cells, widths, text);
      return;
    }

  lines = rd_layout_wrap (row->cells[last], widths[last]);
  cells = g_memdup2 (row->cells, self->n_columns * sizeof (char *));
  for (char **line = lines; *line != NULL; line++)
    {
      cells[last] = *line;
      append_line (self, cells, widths, text);
      for (guint i = 0; i < last; i++)
        cells[i] = "";
    }
}

char *
ctl_table_format (const CtlTable *self, guint width)
{
  const Row *rows = (const Row *) self->rows->data;
  g_autofree guint *widths = g_new0 (guint, self->n_columns);
  GString *text = g_string_new (NULL);

  for (guint row = 0; row < self->rows->len; row++)
    {
      for (guint i = 0; i < self->n_columns; i++)
        widths[i] = MAX (widths[i], rd_layout_width (rows[row].cells[i]));
    }
  if (width > 0)
    shrink (self, widths, width);

  for (guint row = 0; row < self->rows->len; row++)
    append_row (self, &rows[row], widths, text);
  return g_string_free (text, FALSE);
}
