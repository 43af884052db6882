/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The report of a hand-over as other programs read it. */

#include "rd-handover-report.h"

static void
expect (const RdHandoverReport *report, const char *expected)
{
  g_autoptr (GVariant) vardict = g_variant_ref_sink (rd_handover_report_to_vardict (report));
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) wanted = g_variant_parse (G_VARIANT_TYPE_VARDICT, expected, NULL, NULL,
                                                 &error);

  g_assert_no_error (error);
  g_assert_cmpvariant (vardict, wanted);
}

static void
first_generation_has_nothing_to_report (void)
{
  expect (&(RdHandoverReport){ .generation = 1 }, "{}");
}

static void
later_one_reports_all_fields (void)
{
  const RdHandoverReport report
    = { .generation = 2, .moved = 10000, .closed = 4, .lost = 1, .pause_us = 5000000000 };

  expect (&report, "{'moved': <uint32 10000>, 'closed': <uint32 4>, 'lost': <uint32 1>, "
                   "'pause': <uint64 5000000000>}");
}

static void
fields_of_nobody_are_there_too (void)
{
  expect (&(RdHandoverReport){ .generation = 2 },
          "{'moved': <uint32 0>, 'closed': <uint32 0>, 'lost': <uint32 0>, 'pause': <uint64 0>}");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/handover-report/first", first_generation_has_nothing_to_report);
  g_test_add_func ("/handover-report/later", later_one_reports_all_fields);
  g_test_add_func ("/handover-report/zero", fields_of_nobody_are_there_too);

  return g_test_run ();
}
