/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* How text is broken: no line too wide, nothing lost, and no break where there may be none. */

#include <string.h>

#include "rd-layout.h"

#define STRV(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void
assert_wraps (const char *text, guint columns, const char *const *expected)
{
  g_auto (GStrv) lines = rd_layout_wrap (text, columns);

  g_test_message ("%u: %s", columns, text);
  g_assert_cmpstrv (lines, expected);
}

static void
width_is_that_of_a_terminal (void)
{
  g_assert_cmpuint (rd_layout_width (""), ==, 0);
  g_assert_cmpuint (rd_layout_width ("abc"), ==, 3);
  g_assert_cmpuint (rd_layout_width ("äöü"), ==, 3);
  g_assert_cmpuint (rd_layout_width ("a\xcc\x88"), ==, 1); /* a combining mark */
  g_assert_cmpuint (rd_layout_width ("通知"), ==, 4);
}

static void
assert_cut (const char *text, guint columns, const char *expected)
{
  g_autofree char *cut = rd_layout_cut (text, columns);

  g_assert_cmpstr (cut, ==, expected);
}

static void
what_is_too_wide_is_cut (void)
{
  assert_cut ("", 0, "");
  assert_cut ("a", 0, "");
  assert_cut ("a", 1, "a");
  assert_cut ("ab", 1, "…");
  assert_cut ("abc", 3, "abc");
  assert_cut ("abcd", 3, "ab…");
  assert_cut ("abcd", G_MAXUINT, "abcd");
  assert_cut ("通知通知", 7, "通知通…");
  assert_cut ("通知通知", 6, "通知…"); /* there is no half of one */
  assert_cut ("a\xcc\x88"
              "bcd",
              3,
              "a\xcc\x88"
              "b…");
}

static void
lines_end_at_spaces (void)
{
  assert_wraps ("", 5, STRV (""));
  assert_wraps ("one", 5, STRV ("one"));
  assert_wraps ("one two", 7, STRV ("one two"));
  assert_wraps ("one two", 6, STRV ("one", "two"));
  assert_wraps ("one two", 3, STRV ("one", "two"));
  assert_wraps ("one two three", 9, STRV ("one two", "three"));
  assert_wraps ("one   two", 4, STRV ("one", "two"));
  assert_wraps ("one two", G_MAXUINT, STRV ("one two"));
}

static void
long_words_are_cut (void)
{
  assert_wraps ("abcdefgh", 3, STRV ("abc", "def", "gh"));
  assert_wraps ("a bcdefgh", 4, STRV ("a", "bcde", "fgh"));
  assert_wraps ("通", 1, STRV ("通")); /* there is no half of it */
}

static void
ideographs_may_part (void)
{
  assert_wraps ("通知通知", 4, STRV ("通知", "通知"));
  assert_wraps ("通知通知", 5, STRV ("通知", "通知"));
  assert_wraps ("通知。通知", 4, STRV ("通", "知。", "通知")); /* no line starts with 。 */
  assert_wraps ("关闭ringdown", 10, STRV ("关闭", "ringdown"));
}

static char *
without_spaces (const char *text)
{
  g_auto (GStrv) words = g_strsplit (text, " ", -1);

  return g_strjoinv ("", words);
}

static void
nothing_is_lost_and_no_line_too_wide (void)
{
  static const char *const pieces[] = { "a", "ä", "通", "。", "“", " ", "  ", "word" };

  for (int i = 0; i < 2000; i++)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      g_auto (GStrv) lines = NULL;
      g_autofree char *joined = NULL;
      g_autofree char *before = NULL;
      g_autofree char *after = NULL;
      const guint columns = g_test_rand_int_range (2, 20);

      for (int n = g_test_rand_int_range (0, 30); n > 0; n--)
        g_string_append (text, pieces[g_test_rand_int_range (0, G_N_ELEMENTS (pieces))]);
      lines = rd_layout_wrap (text->str, columns);
      for (char **line = lines; *line != NULL; line++)
        g_assert_cmpuint (rd_layout_width (*line), <=, columns);

      joined = g_strjoinv ("", lines);
      before = without_spaces (text->str);
      after = without_spaces (joined);
      g_assert_cmpstr (after, ==, before);
    }
}

static void
paragraphs_hang_below_their_lead (void)
{
  g_autoptr (GString) page = g_string_new ("before\n");

  rd_layout_append (page, "  - ", "one two three", 11);
  rd_layout_append (page, "  - ", "one two three", 0);
  g_assert_cmpstr (page->str, ==, "before\n  - one two\n    three\n  - one two three\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/layout/width", width_is_that_of_a_terminal);
  g_test_add_func ("/layout/cut", what_is_too_wide_is_cut);
  g_test_add_func ("/layout/wrap/spaces", lines_end_at_spaces);
  g_test_add_func ("/layout/wrap/long", long_words_are_cut);
  g_test_add_func ("/layout/wrap/ideographs", ideographs_may_part);
  g_test_add_func ("/layout/wrap/any", nothing_is_lost_and_no_line_too_wide);
  g_test_add_func ("/layout/append", paragraphs_hang_below_their_lead);

  return g_test_run ();
}
