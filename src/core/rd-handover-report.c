/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The report of a hand-over, in the form in which other programs read it. Counts and measures
 * nothing: what it says is the word of the process that took over. A process that was started, and
 * took over nothing, has none. */

#include "rd-handover-report.h"

GVariant *
rd_handover_report_to_vardict (const RdHandoverReport *report)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  if (report->generation > 1)
    {
      g_variant_dict_insert (&dict, "moved", "u", report->moved);
      g_variant_dict_insert (&dict, "closed", "u", report->closed);
      g_variant_dict_insert (&dict, "lost", "u", report->lost);
      g_variant_dict_insert (&dict, "pause", "t", (guint64) report->pause_us);
    }
  return g_variant_dict_end (&dict);
}
