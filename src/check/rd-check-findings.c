/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Collects what a check has found, and lays it out for a person: what bites, what only looks as if
 * it did, and what could not be learned. Finds nothing by itself, and never decides what the exit
 * status is. */

#include "rd-check-findings.h"

#include <glib/gi18n.h>

#include "rd-table.h"

struct _RdCheckFindings
{
  GPtrArray *texts[RD_CHECK_N_KINDS]; /* char *, owned */
};

RdCheckFindings *
rd_check_findings_new (void)
{
  RdCheckFindings *self = g_new0 (RdCheckFindings, 1);

  for (int kind = 0; kind < RD_CHECK_N_KINDS; kind++)
    self->texts[kind] = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
rd_check_findings_free (RdCheckFindings *self)
{
  for (int kind = 0; kind < RD_CHECK_N_KINDS; kind++)
    g_ptr_array_unref (self->texts[kind]);
  g_free (self);
}

void
rd_check_findings_add (RdCheckFindings *self, RdCheckKind kind, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  if (!g_ptr_array_find_with_equal_func (self->texts[kind], text, g_str_equal, NULL))
    g_ptr_array_add (self->texts[kind], g_steal_pointer (&text));
}

const GPtrArray *
rd_check_findings_get (const RdCheckFindings *self, RdCheckKind kind)
{
  return self->texts[kind];
}

static const RdTableColumn list_columns[] = {
  { .fit = RD_TABLE_KEEP },
  { .fit = RD_TABLE_WRAP, .max_chars = G_MAXSIZE },
};

static void
append_list (GString *page, const GPtrArray *texts, guint columns)
{
  g_autoptr (RdTable) table = rd_table_new (list_columns, G_N_ELEMENTS (list_columns), 2, 1);
  g_autofree char *rows = NULL;

  for (guint i = 0; i < texts->len; i++)
    rd_table_add (table, "-", texts->pdata[i], NULL);
  rows = rd_table_format (table, columns);
  g_string_append (page, rows);
}

static const char *
heading (RdCheckKind kind)
{
  switch (kind)
    {
    case RD_CHECK_BITES:
      return _ ("Will bite:");
    case RD_CHECK_NOTE:
      return _ ("Will not bite:");
    case RD_CHECK_UNCHECKED:
      return _ ("Not checked:");
    }

  g_assert_not_reached ();
}

void
rd_check_findings_append (const RdCheckFindings *self, GString *page, guint columns)
{
  for (RdCheckKind kind = RD_CHECK_BITES; kind < RD_CHECK_N_KINDS; kind++)
    {
      const GPtrArray *texts = self->texts[kind];

      if (texts->len > 0)
        g_string_append_printf (page, "\n%s\n", heading (kind));
      append_list (page, texts, columns);
    }
  if (self->texts[RD_CHECK_BITES]->len == 0)
    g_string_append_printf (page, "\n%s\n", _ ("Nothing will bite."));
}
