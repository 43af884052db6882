/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The configuration as a table: options in their groups, what each amounts to, and who says so. A
 * value is shown in full, but for texts, which may be as long as a message. Does not judge what it
 * shows. */

#include "rd-check-settings.h"

#include <glib/gi18n.h>

#include "rd-table.h"
#include "rd-text.h"

#define MAX_TEXT_CHARS 200

static const RdTableColumn columns_of_options[] = {
  { .fit = RD_TABLE_KEEP },
  { .fit = RD_TABLE_WRAP, .max_chars = G_MAXSIZE },
  { .fit = RD_TABLE_KEEP },
};

static const RdTableColumn columns_of_key_file[] = {
  { .fit = RD_TABLE_KEEP },
  { .fit = RD_TABLE_WRAP, .max_chars = G_MAXSIZE },
};

static char *
dup_value (const RdOption *option, gconstpointer record)
{
  g_autofree char *value = rd_option_format (option, record);

  if (value == NULL)
    return g_strdup (_ ("(not set)"));
  return rd_text_printable (value, option->type == RD_OPTION_TEXT ? MAX_TEXT_CHARS : G_MAXSIZE);
}

static char *
dup_source (const RdSettings *settings, const RdOption *option)
{
  switch (rd_settings_get_source (settings, option))
    {
    case RD_SOURCE_PRESET:
      /* Translators: nobody has set the option */
      return g_strdup (_ ("default"));
    case RD_SOURCE_KEY_FILE:
      return g_strdup (_ ("key file"));
    case RD_SOURCE_OTHER_VARIABLE:
      return g_strdup (rd_settings_get_other_variable (settings, option));
    case RD_SOURCE_ENVIRONMENT:
      return rd_settings_dup_variable (option);
    case RD_SOURCE_COMMAND_LINE:
      return g_strdup_printf ("--%s", option->name);
    }

  g_assert_not_reached ();
}

static char *
format_key_file (const char *key_file, guint columns)
{
  g_autoptr (RdTable) table = rd_table_new (columns_of_key_file, G_N_ELEMENTS (columns_of_key_file),
                                            0, 1);

  /* Translators: the path of a file, or none, follows */
  rd_table_add (table, _ ("Key file:"), key_file != NULL ? key_file : C_ ("key file", "none"),
                NULL);
  return rd_table_format (table, columns);
}

void
rd_check_settings_append (GString *page,
                          const RdSettings *settings,
                          gconstpointer record,
                          guint columns)
{
  g_autofree char *key_file = format_key_file (rd_settings_get_key_file (settings), columns);
  g_autoptr (RdTable) table = rd_table_new (columns_of_options, G_N_ELEMENTS (columns_of_options),
                                            2, 2);
  g_autofree char *rows = NULL;
  const char *group = "";
  gsize n_options;
  const RdOption *options = rd_settings_get_options (settings, &n_options);

  for (gsize i = 0; i < n_options; i++)
    {
      g_autofree char *value = dup_value (&options[i], record);
      g_autofree char *source = dup_source (settings, &options[i]);

      if (!g_str_equal (options[i].group, group))
        {
          g_autofree char *heading = g_strdup_printf ("[%s]", options[i].group);

          rd_table_add_line (table, "");
          rd_table_add_line (table, heading);
        }
      group = options[i].group;
      rd_table_add (table, options[i].name, value, source, NULL);
    }
  rows = rd_table_format (table, columns);
  g_string_append (page, key_file);
  g_string_append (page, rows);
}
