/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Collects the results of `ringdown --check`. Formats results and settings for a terminal. */

#include "rd-check-report.h"

#include "rd-text.h"

#define MAX_TEXT_CHARS 200 /* maximum number of characters of --notify-message in the table */

/* A table of results has the first two columns, a table of settings all three. */
static const RdTableColumn table_columns[] = {
  { .fit = RD_TABLE_KEEP },
  { .fit = RD_TABLE_WRAP, .max_chars = G_MAXSIZE },
  { .fit = RD_TABLE_KEEP },
};

RdCheckReport *
rd_check_report_new (void)
{
  RdCheckReport *self = g_new0 (RdCheckReport, 1);

  for (int kind = 0; kind < RD_CHECK_N_KINDS; kind++)
    self->texts[kind] = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
rd_check_report_free (RdCheckReport *self)
{
  for (int kind = 0; kind < RD_CHECK_N_KINDS; kind++)
    g_ptr_array_unref (self->texts[kind]);
  g_free (self);
}

void
rd_check_report_add (RdCheckReport *self, RdCheckKind kind, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  if (!g_ptr_array_find_with_equal_func (self->texts[kind], text, g_str_equal, NULL))
    g_ptr_array_add (self->texts[kind], g_steal_pointer (&text));
}

char *
rd_check_report_format (const RdCheckReport *self, guint columns)
{
  static const char *const headings[] = {
    [RD_CHECK_PROBLEM] = "Problems:",
    [RD_CHECK_NOTE] = "Notes:",
    [RD_CHECK_UNCHECKED] = "Not checked:",
  };
  g_autoptr (RdTable) table = rd_table_new (table_columns, 2, 2, 1);

  for (int kind = 0; kind < RD_CHECK_N_KINDS; kind++)
    {
      const GPtrArray *texts = self->texts[kind];

      if (texts->len > 0 || kind == RD_CHECK_PROBLEM)
        {
          rd_table_add (table, "", NULL);
          rd_table_add (table, texts->len > 0 ? headings[kind] : "Problems: none", NULL);
        }
      for (guint i = 0; i < texts->len; i++)
        rd_table_add (table, "-", texts->pdata[i], NULL);
    }
  return rd_table_format (table, columns);
}

static char *
dup_value (const RdOption *option, gconstpointer record)
{
  g_autofree char *value = rd_option_format (option, record);

  if (value == NULL)
    return g_strdup ("(not set)");
  return rd_text_printable (value, option->type == RD_OPTION_TEXT ? MAX_TEXT_CHARS : G_MAXSIZE);
}

char *
rd_check_report_format_settings (const RdSettings *settings, gconstpointer record, guint columns)
{
  g_autoptr (RdTable) first = rd_table_new (table_columns, 2, 0, 1);
  g_autoptr (RdTable) table = rd_table_new (table_columns, 3, 2, 2);
  g_autofree char *first_line = NULL;
  g_autofree char *rows = NULL;
  const char *group = "";

  rd_table_add (first, "Key file:", settings->key_file != NULL ? settings->key_file : "none", NULL);
  for (gsize i = 0; i < settings->n_options; i++)
    {
      const RdOption *option = &settings->options[i];
      g_autofree char *value = dup_value (option, record);
      g_autofree char *source = rd_settings_dup_source (settings, option);

      if (!g_str_equal (option->group, group))
        {
          g_autofree char *heading = g_strdup_printf ("[%s]", option->group);

          rd_table_add (table, "", NULL);
          rd_table_add (table, heading, NULL);
        }
      group = option->group;
      rd_table_add (table, option->name, value, source, NULL);
    }
  first_line = rd_table_format (first, columns);
  rows = rd_table_format (table, columns);
  return g_strconcat (first_line, rows, NULL);
}
