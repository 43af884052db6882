/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Text tables: alignment, wrapping and truncation. */

#include <string.h>

#include "rd-text.h"

static const RdTableColumn columns[] = {
  { .is_right = TRUE },
  { .fit = RD_TABLE_WRAP },
  { .fit = RD_TABLE_CUT },
};

static void
assert_table (const RdTable *table, guint width, const char *expected)
{
  g_autofree char *text = rd_table_format (table, width);

  g_assert_cmpstr (text, ==, expected);
}

static void
columns_are_aligned (void)
{
  g_autoptr (RdTable) table = rd_table_new (columns, G_N_ELEMENTS (columns), 2, 1);

  assert_table (table, 80, "");
  rd_table_add (table, "1", "通知", "a", NULL);
  rd_table_add (table, "23", "abc", "", NULL);
  assert_table (table, 80, "   1 通知 a\n  23 abc\n");
  assert_table (table, 0, "   1 通知 a\n  23 abc\n");
}

static void
wide_cells_are_cut_or_wrapped (void)
{
  g_autoptr (RdTable) table = rd_table_new (columns, G_N_ELEMENTS (columns), 2, 1);

  rd_table_add (table, "never", "one two", "abcdefg", NULL);
  assert_table (table, 23, "  never one two abcdefg\n");
  assert_table (table, 22, "  never one    abcdefg\n        two\n");
  assert_table (table, 19, "  never one   abcd…\n        two\n");
  assert_table (table, 1, "  never o …\n        n\n        e\n        t\n        w\n        o\n");
  assert_table (table, 0, "  never one two abcdefg\n");
}

static void
lines_span_all_columns (void)
{
  g_autoptr (RdTable) table = rd_table_new (columns, G_N_ELEMENTS (columns), 2, 1);

  rd_table_add (table, "[a heading wider than the table]", NULL);
  rd_table_add (table, "1", "b", "c", NULL);
  rd_table_add (table, "", NULL);
  rd_table_add (table, "2", "b", "c", NULL);
  assert_table (table, 10, "[a heading wider than the table]\n  1 b c\n\n  2 b c\n");
}

static void
long_cells_do_not_widen_a_column_of_an_unlimited_table (void)
{
  g_autofree char *word = g_strnfill (100, 'x');
  g_autofree char *expected = g_strdup_printf ("1 %s c\n2 b%*s c\n", word, 75, "");
  g_autoptr (RdTable) table = rd_table_new (columns, G_N_ELEMENTS (columns), 0, 1);

  rd_table_add (table, "1", word, "c", NULL);
  rd_table_add (table, "2", "b", "c", NULL);
  assert_table (table, 0, expected);
}

static void
untrusted_cells_are_made_printable (void)
{
  static const RdTableColumn limits[] = { { .max_chars = 3 }, { .max_chars = 0 } };
  g_autofree char *word = g_strnfill (2000, 'x');
  g_autofree char *limited = g_strnfill (1024, 'x');
  g_autofree char *expected = g_strdup_printf ("\\u001b[2… %s…\n\\u000a\n", limited);
  g_autoptr (RdTable) table = rd_table_new (limits, G_N_ELEMENTS (limits), 0, 1);

  rd_table_add (table, "\033[2J", word, NULL);
  rd_table_add (table, "\n", NULL);
  assert_table (table, 0, expected);
}

static void
no_row_is_wider_than_the_terminal (void)
{
  static const RdTableColumn both[] = { { .fit = RD_TABLE_CUT }, { .fit = RD_TABLE_WRAP } };

  for (guint width = 4; width < 40; width++)
    {
      g_autoptr (RdTable) table = rd_table_new (both, G_N_ELEMENTS (both), 0, 1);
      g_autofree char *text = NULL;
      g_auto (GStrv) lines = NULL;

      rd_table_add (table, "abcdefghijkl", "one two three", NULL);
      rd_table_add (table, "abc", "onetwothree", NULL);
      text = rd_table_format (table, width);
      lines = g_strsplit (text, "\n", -1);
      for (char **line = lines; *line != NULL; line++)
        g_assert_cmpuint (rd_text_width (*line), <=, width);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/text-table/aligned", columns_are_aligned);
  g_test_add_func ("/text-table/narrow", wide_cells_are_cut_or_wrapped);
  g_test_add_func ("/text-table/lines", lines_span_all_columns);
  g_test_add_func ("/text-table/unlimited", long_cells_do_not_widen_a_column_of_an_unlimited_table);
  g_test_add_func ("/text-table/untrusted", untrusted_cells_are_made_printable);
  g_test_add_func ("/text-table/width", no_row_is_wider_than_the_terminal);

  return g_test_run ();
}
