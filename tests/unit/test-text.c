/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Text of strangers, made fit to be shown. */

#include "rd-text.h"

static void
nothing_but_printable_characters_gets_through (void)
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
what_is_too_long_is_cut_between_characters (void)
{
  g_autofree char *whole = rd_text_printable ("äöü", 3);
  g_autofree char *cut = rd_text_printable ("äöü", 2);

  g_assert_cmpstr (whole, ==, "äöü");
  g_assert_cmpstr (cut, ==, "äö…");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text/nothing-but-printable-characters-gets-through",
                   nothing_but_printable_characters_gets_through);
  g_test_add_func ("/text/what-is-too-long-is-cut-between-characters",
                   what_is_too_long_is_cut_between_characters);
  return g_test_run ();
}
