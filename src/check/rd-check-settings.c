/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The configuration as a table: options in their groups, what each amounts to, and who says so. A
 * value is shown in full, but for texts, which may be as long as a message. Does not judge what it
 * shows. */

#include "rd-check-settings.h"

#include <glib/gi18n.h>
#include <string.h>

#include "rd-layout.h"
#include "rd-text.h"

#define TABLE_COLUMNS   80
#define MAX_TEXT_CHARS  200
#define MIN_VALUE_WIDTH 20

typedef struct
{
  const RdOption *option; /* unowned */
  char *value;            /* owned */
  char *source;           /* owned */
} Row;

typedef struct
{
  guint name, value, source;
} Widths;

static void
row_free (gpointer data)
{
  Row *row = data;

  g_free (row->value);
  g_free (row->source);
  g_free (row);
}

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

/* Returns: (transfer full) (element-type Row): one for each option. */
static GPtrArray *
make_rows (const RdSettings *settings, gconstpointer record)
{
  GPtrArray *rows = g_ptr_array_new_with_free_func (row_free);
  gsize n_options;
  const RdOption *options = rd_settings_get_options (settings, &n_options);

  for (gsize i = 0; i < n_options; i++)
    {
      Row *row = g_new0 (Row, 1);

      row->option = &options[i];
      row->value = dup_value (row->option, record);
      row->source = dup_source (settings, row->option);
      g_ptr_array_add (rows, row);
    }
  return rows;
}

/* The values get what the other two leave of the table's columns. */
static Widths
measure (const GPtrArray *rows)
{
  Widths widths = { 0, 0, 0 };
  guint rest;

  for (guint i = 0; i < rows->len; i++)
    {
      const Row *row = rows->pdata[i];

      widths.name = MAX (widths.name, rd_layout_width (row->option->name));
      widths.value = MAX (widths.value, rd_layout_width (row->value));
      widths.source = MAX (widths.source, rd_layout_width (row->source));
    }
  rest = MIN (widths.name + widths.source + strlen ("      "), TABLE_COLUMNS - MIN_VALUE_WIDTH);
  widths.value = MIN (widths.value, TABLE_COLUMNS - rest);
  return widths;
}

static void
append_cell (GString *page, const char *text, guint width)
{
  const guint used = rd_layout_width (text);

  g_string_append_printf (page, "  %s%*s", text, (int) (width > used ? width - used : 0), "");
}

static void
append_row (GString *page, const Row *row, const Widths *widths, guint columns)
{
  g_auto (GStrv) lines = rd_layout_wrap (row->value, columns > 0 ? widths->value : G_MAXUINT);

  append_cell (page, row->option->name, widths->name);
  append_cell (page, lines[0], widths->value);
  g_string_append_printf (page, "  %s\n", row->source);
  for (char **line = lines + 1; *line != NULL; line++)
    g_string_append_printf (page, "%*s%s\n", (int) (widths->name + 4), "", *line);
}

void
rd_check_settings_append (GString *page,
                          const RdSettings *settings,
                          gconstpointer record,
                          guint columns)
{
  const char *key_file = rd_settings_get_key_file (settings);
  g_autoptr (GPtrArray) rows = make_rows (settings, record);
  const Widths widths = measure (rows);
  const char *group = "";

  /* Translators: the path of a file, or none, follows */
  g_autofree char *lead = g_strdup_printf ("%s ", _ ("Key file:"));
  rd_layout_append (page, lead, key_file != NULL ? key_file : C_ ("key file", "none"), columns);

  for (guint i = 0; i < rows->len; i++)
    {
      const Row *row = rows->pdata[i];

      if (!g_str_equal (row->option->group, group))
        g_string_append_printf (page, "\n[%s]\n", row->option->group);
      group = row->option->group;
      append_row (page, row, &widths, columns);
    }
}
