/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Lays text out in columns, each as wide as its widest cell, as long as they fit. Makes every cell
 * printable, so that nothing a stranger chose reaches a terminal by way of a table. Knows neither
 * colours nor what is in the cells. */

#include "ctl-table.h"

#include "rd-layout.h"
#include "rd-text.h"

#define MAX_CELL_CHARS 1024

struct _CtlTable
{
  const CtlColumn *columns; /* unowned: outlives us */
  guint n_columns;
  guint indent;
  guint gap;
  GPtrArray *cells; /* owned strings, row after row */
};

CtlTable *
ctl_table_new (const CtlColumn *columns, guint n_columns, guint indent, guint gap)
{
  CtlTable *self = g_new0 (CtlTable, 1);

  self->columns = columns;
  self->n_columns = n_columns;
  self->indent = indent;
  self->gap = gap;
  self->cells = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
ctl_table_free (CtlTable *self)
{
  g_ptr_array_unref (self->cells);
  g_free (self);
}

void
ctl_table_add (CtlTable *self, const char *const *cells)
{
  for (guint i = 0; i < self->n_columns; i++)
    g_ptr_array_add (self->cells, rd_text_printable (cells[i], MAX_CELL_CHARS));
}

static const char *
get_cell (const CtlTable *self, guint row, guint column)
{
  return g_ptr_array_index (self->cells, row * self->n_columns + column);
}

static guint
count_rows (const CtlTable *self)
{
  return self->cells->len / self->n_columns;
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
append_row (const CtlTable *self, guint row, const guint *widths, GString *text)
{
  append_spaces (text, self->indent);
  for (guint i = 0; i < self->n_columns; i++)
    {
      g_autofree char *cell = rd_layout_cut (get_cell (self, row, i), widths[i]);
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

char *
ctl_table_format (const CtlTable *self, guint width)
{
  g_autofree guint *widths = g_new0 (guint, self->n_columns);
  GString *text = g_string_new (NULL);

  for (guint row = 0; row < count_rows (self); row++)
    {
      for (guint i = 0; i < self->n_columns; i++)
        widths[i] = MAX (widths[i], rd_layout_width (get_cell (self, row, i)));
    }
  if (width > 0)
    shrink (self, widths, width);

  for (guint row = 0; row < count_rows (self); row++)
    append_row (self, row, widths, text);
  return g_string_free (text, FALSE);
}
