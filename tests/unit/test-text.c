/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Printable text: escaping, width, truncation and wrapping. */

#include "rd-text.h"

#include <string.h>

static void
unprintable_characters_are_escaped (void)
{
  const struct
  {
    const char *text, *shown;
  } cases[] = {
    { "", "" },
    { "hello, 🛰 wörld", "hello, 🛰 wörld" },
    { "\033[2Jgone", "\\u001b[2Jgone" },
    { "a\tb\r\nc", "a\\u0009b\\u000d\\u000ac" },
    { "\302\233"
      "31m",
      "\\u009b31m" },                  /* CSI in one character */
    { "a\342\200\256b", "a\\u202eb" }, /* right-to-left override */
    { "\177", "\\u007f" },
    { "half \303", "half \357\277\275" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *shown = rd_text_printable (cases[i].text, 100);

      g_assert_cmpstr (shown, ==, cases[i].shown);
    }
}

static void
long_text_is_cut_between_characters (void)
{
  g_autofree char *whole = rd_text_printable ("äöü", 3);
  g_autofree char *cut = rd_text_printable ("äöü", 2);

  g_assert_cmpstr (whole, ==, "äöü");
  g_assert_cmpstr (cut, ==, "äö…");
}

#define STRV(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void
assert_wraps (const char *text, guint columns, const char *const *expected)
{
  g_auto (GStrv) lines = rd_text_wrap (text, columns);

  g_test_message ("%u: %s", columns, text);
  g_assert_cmpstrv (lines, expected);
}

static void
width_counts_terminal_columns (void)
{
  g_assert_cmpuint (rd_text_width (""), ==, 0);
  g_assert_cmpuint (rd_text_width ("abc"), ==, 3);
  g_assert_cmpuint (rd_text_width ("äöü"), ==, 3);
  g_assert_cmpuint (rd_text_width ("a\xcc\x88"), ==, 1); /* a combining mark */
  g_assert_cmpuint (rd_text_width ("通知"), ==, 4);
}

static void
assert_cut (const char *text, guint columns, const char *expected)
{
  g_autofree char *cut = rd_text_cut (text, columns);

  g_assert_cmpstr (cut, ==, expected);
}

static void
wide_text_is_cut (void)
{
  assert_cut ("", 0, "");
  assert_cut ("a", 0, "");
  assert_cut ("a", 1, "a");
  assert_cut ("ab", 1, "…");
  assert_cut ("abc", 3, "abc");
  assert_cut ("abcd", 3, "ab…");
  assert_cut ("abcd", G_MAXUINT, "abcd");
  assert_cut ("通知通知", 7, "通知通…");
  assert_cut ("通知通知", 6, "通知…"); /* does not split a character */
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
long_words_are_broken (void)
{
  assert_wraps ("abcdefgh", 3, STRV ("abc", "def", "gh"));
  assert_wraps ("a bcdefgh", 4, STRV ("a", "bcde", "fgh"));
  assert_wraps ("通", 1, STRV ("通")); /* does not split a character */
}

static void
lines_break_between_ideographs (void)
{
  assert_wraps ("通知通知", 4, STRV ("通知", "通知"));
  assert_wraps ("通知通知", 5, STRV ("通知", "通知"));
  assert_wraps ("通知。通知", 4, STRV ("通", "知。", "通知")); /* no line starts with 。 */
  assert_wraps ("关闭ringdown", 10, STRV ("关闭", "ringdown"));
}

static char *
remove_spaces (const char *text)
{
  g_auto (GStrv) words = g_strsplit (text, " ", -1);

  return g_strjoinv ("", words);
}

static void
wrapping_keeps_all_text_and_the_width (void)
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
      lines = rd_text_wrap (text->str, columns);
      for (char **line = lines; *line != NULL; line++)
        g_assert_cmpuint (rd_text_width (*line), <=, columns);

      joined = g_strjoinv ("", lines);
      before = remove_spaces (text->str);
      after = remove_spaces (joined);
      g_assert_cmpstr (after, ==, before);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/text/printable/escapes", unprintable_characters_are_escaped);
  g_test_add_func ("/text/printable/long", long_text_is_cut_between_characters);
  g_test_add_func ("/text/width", width_counts_terminal_columns);
  g_test_add_func ("/text/cut", wide_text_is_cut);
  g_test_add_func ("/text/wrap/spaces", lines_end_at_spaces);
  g_test_add_func ("/text/wrap/long", long_words_are_broken);
  g_test_add_func ("/text/wrap/ideographs", lines_break_between_ideographs);
  g_test_add_func ("/text/wrap/any", wrapping_keeps_all_text_and_the_width);

  return g_test_run ();
}
