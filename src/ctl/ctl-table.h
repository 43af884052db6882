/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Text in columns. */
typedef struct _CtlTable CtlTable;

typedef struct
{
  gboolean is_right; /* aligned to the right */
  gboolean may_shrink;
} CtlColumn;

/* @indent: spaces before each row; @gap: spaces between two columns. */
CtlTable *ctl_table_new (const CtlColumn *columns, guint n_columns, guint indent, guint gap);
void ctl_table_free (CtlTable *self);

/* @cells: one for each column, whatever they contain: they are made printable. */
void ctl_table_add (CtlTable *self, const char *const *cells);

/* The same, but where its last cell does not fit it is not cut: it goes on below. */
void ctl_table_add_wrapped (CtlTable *self, const char *const *cells);

/* Returns: (transfer full): the rows in the order they were added, each with its newline. Where
 * they do not fit into @width, the columns that may shrink are cut; 0: no limit. */
char *ctl_table_format (const CtlTable *self, guint width);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtlTable, ctl_table_free)

G_END_DECLS
