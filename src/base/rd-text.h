/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* Text for terminals and logs. Widths are in columns of a terminal: a wide character occupies two
 * columns, a combining character none. */

/* Returns: (transfer full): untrusted @text as printable UTF-8 on one line. Replaces each
 * unprintable character with \uXXXX, and everything after @max_chars characters with "…". */
char *rd_text_printable (const char *text, gsize max_chars);

/* The characters of a token except digits and letters (RFC 9110 §5.6.2). */
#define RD_TEXT_TOKEN_SYMBOLS "!#$%&'*+-.^_`|~"

/* The functions below require printable UTF-8. */

/* Returns: the width of @text in columns of a terminal. */
guint rd_text_width (const char *text);

/* Returns: (transfer full): @text, cut to at most @columns (with a final "…") if it is wider. */
char *rd_text_cut (const char *text, guint columns);

/* Breaks @text into lines that are at most @columns wide. Lines end at spaces, next to ideographs,
 * or inside words that are wider than a line. Returns: (transfer full): the lines, at least one. */
char **rd_text_wrap (const char *text, guint columns);

/* A text table for a terminal. Each column is as wide as its widest cell if all columns fit. */
typedef struct _RdTable RdTable;

/* How to handle the cells of a column if the table is wider than the terminal. */
typedef enum
{
  RD_TABLE_KEEP, /* cells are never shortened */
  RD_TABLE_CUT,  /* long cells end with "…" */
  RD_TABLE_WRAP, /* long cells continue on the next line */
} RdTableFit;

typedef struct
{
  RdTableFit fit;
  gboolean is_right; /* right-aligned */
  gsize max_chars;   /* maximum number of characters per cell; 0 means 1024 */
} RdTableColumn;

/* Returns: (transfer full): an empty table. @columns: must outlive the table. @indent: number of
 * spaces before each row. @gap: number of spaces between columns. */
RdTable *rd_table_new (const RdTableColumn *columns, guint n_columns, guint indent, guint gap);
void rd_table_free (RdTable *self);

/* Adds a row. @cells: one string per column, then NULL. Or, for a line across all columns, such as
 * a heading: one string, then NULL; it is not cut to the width, and may be empty. The strings may
 * be untrusted: the table copies them with rd_text_printable(). */
void rd_table_add_row (RdTable *self, const char *const *cells);

/* Adds a row. The arguments are the strings of its @cells, then NULL. */
#define rd_table_add(self, ...) rd_table_add_row (self, (const char *const[]){ __VA_ARGS__ })

/* Returns: (transfer full): the table as text that ends with a newline. @width: width of the
 * terminal in columns; 0 means that no cell is cut or wrapped. */
char *rd_table_format (const RdTable *self, guint width);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdTable, rd_table_free)
