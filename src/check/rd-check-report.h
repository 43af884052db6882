/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-settings.h"

typedef enum
{
  RD_CHECK_PROBLEM,   /* the service will not work, or not as configured */
  RD_CHECK_NOTE,      /* looks like a problem, but is not one */
  RD_CHECK_UNCHECKED, /* a check was not possible, for example because the bus is unreachable */
} RdCheckKind;

#define RD_CHECK_N_KINDS (RD_CHECK_UNCHECKED + 1)

/* The results of all checks, in the order in which they were added. */
typedef struct
{
  GPtrArray *texts[RD_CHECK_N_KINDS]; /* char *, owned: one sentence per result, by RdCheckKind */
} RdCheckReport;

RdCheckReport *rd_check_report_new (void);
void rd_check_report_free (RdCheckReport *self);

/* Adds a sentence unless it is a duplicate. Untrusted text in the sentence must be printable. */
void rd_check_report_add (RdCheckReport *self, RdCheckKind kind, const char *format, ...)
  G_GNUC_PRINTF (3, 4);

/* Formats the report. @columns: width of the terminal; 0: unlimited. Returns: (transfer full). */
char *rd_check_report_format (const RdCheckReport *self, guint columns);

/* Formats the path of the key file, and a table of all options with their values (in the struct
 * @record) and the sources of the values. @columns: width of the terminal; 0: unlimited.
 * Returns: (transfer full). */
char *rd_check_report_format_settings (const RdSettings *settings,
                                       gconstpointer record,
                                       guint columns);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdCheckReport, rd_check_report_free)
