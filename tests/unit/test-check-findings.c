/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* What is made of findings: in which order, under which heading, and how it is broken. */

#include "rd-check-findings.h"

static void
assert_page (const RdCheckFindings *findings, guint columns, const char *expected)
{
  g_autoptr (GString) page = g_string_new (NULL);

  rd_check_findings_append (findings, page, columns);
  g_assert_cmpstr (page->str, ==, expected);
}

static void
nothing_found_is_told (void)
{
  g_autoptr (RdCheckFindings) findings = rd_check_findings_new ();

  assert_page (findings, 80, "\nNothing will bite.\n");
}

static void
findings_are_told_by_kind (void)
{
  g_autoptr (RdCheckFindings) findings = rd_check_findings_new ();

  rd_check_findings_add (findings, RD_CHECK_UNCHECKED, "the moon");
  rd_check_findings_add (findings, RD_CHECK_NOTE, "barks");
  rd_check_findings_add (findings, RD_CHECK_BITES, "the dog %d", 1);
  rd_check_findings_add (findings, RD_CHECK_BITES, "the dog %d", 2);
  rd_check_findings_add (findings, RD_CHECK_BITES, "the dog 1"); /* told once */
  g_assert_cmpuint (rd_check_findings_get (findings, RD_CHECK_BITES)->len, ==, 2);
  g_assert_cmpuint (rd_check_findings_get (findings, RD_CHECK_NOTE)->len, ==, 1);
  assert_page (findings, 0,
               "\nWill bite:\n  - the dog 1\n  - the dog 2\n"
               "\nWill not bite:\n  - barks\n"
               "\nNot checked:\n  - the moon\n");
}

static void
what_does_not_bite_is_no_reason (void)
{
  g_autoptr (RdCheckFindings) findings = rd_check_findings_new ();

  rd_check_findings_add (findings, RD_CHECK_NOTE, "it only barks");
  assert_page (findings, 9,
               "\nWill not bite:\n  - it\n    only\n    barks\n\nNothing will bite.\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/check-findings/none", nothing_found_is_told);
  g_test_add_func ("/check-findings/kinds", findings_are_told_by_kind);
  g_test_add_func ("/check-findings/notes", what_does_not_bite_is_no_reason);

  return g_test_run ();
}
