/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* A text table for a terminal. Each column is as wide as its widest cell, if all of them fit. */
typedef struct _RdTable RdTable;

/* Handling of a column when the table is wider than the terminal. */
typedef enum
{
  RD_TABLE_KEEP, /* never shortened */
  RD_TABLE_CUT,  /* shortened with "…" */
  RD_TABLE_WRAP, /* continued on the next line */
} RdTableFit;

typedef struct
{
  RdTableFit fit;
  gboolean is_right; /* right-aligned */
  gsize max_chars;   /* limit of a cell's length; 0: 1024 */
} RdTableColumn;

/* @columns: outlives the table. @indent: spaces before each row. @gap: spaces between columns. */
RdTable *rd_table_new (const RdTableColumn *columns, guint n_columns, guint indent, guint gap);
void rd_table_free (RdTable *self);

/* Adds a row. @cells: one string for each column, then NULL. They may be untrusted: the table makes
 * them printable. */
void rd_table_add_row (RdTable *self, const char *const *cells);

/* Adds a row of the arguments, which end with NULL. */
#define rd_table_add(self, ...) rd_table_add_row (self, (const char *const[]){ __VA_ARGS__ })

/* Adds a line across all columns, such as a heading; "" for an empty line. It is not shortened. */
void rd_table_add_line (RdTable *self, const char *text);

/* Returns: (transfer full): all rows, each with its newline. @width: width of the terminal; 0: no
 * limit, nothing is cut or wrapped. */
char *rd_table_format (const RdTable *self, guint width);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdTable, rd_table_free)
