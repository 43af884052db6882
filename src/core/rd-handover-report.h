/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How a process took over from the one before. */
typedef struct
{
  guint generation; /* of the process that tells: 1 was started, not handed anything */
  guint moved;      /* clients that noticed nothing */
  guint closed;     /* clients that could not be moved, and were told so */
  guint lost;       /* clients that were cut off */
  gint64 pause_us;  /* nobody was served for so long */
} RdHandoverReport;

/* Returns: (transfer floating): all but the generation as an a{sv}, which is empty in the first:
 * "moved", "closed" and "lost" (u), "pause" (t, µs). */
GVariant *rd_handover_report_to_vardict (const RdHandoverReport *report);

G_END_DECLS
