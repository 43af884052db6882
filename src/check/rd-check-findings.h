/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  RD_CHECK_BITES,     /* it will not work, or not as one would think */
  RD_CHECK_NOTE,      /* it only looks as if it would bite */
  RD_CHECK_UNCHECKED, /* could not be learned here */
} RdCheckKind;

#define RD_CHECK_N_KINDS (RD_CHECK_UNCHECKED + 1)

/* What was found: of each kind the texts, in the order they were added. */
typedef struct _RdCheckFindings RdCheckFindings;

RdCheckFindings *rd_check_findings_new (void);
void rd_check_findings_free (RdCheckFindings *self);

/* Adds a sentence, unless it is there already: what it is, why, and what to do. Text of strangers
 * in it must be printable. */
void rd_check_findings_add (RdCheckFindings *self, RdCheckKind kind, const char *format, ...)
  G_GNUC_PRINTF (3, 4);

/* Returns: (transfer none) (element-type utf8): those of @kind. */
const GPtrArray *rd_check_findings_get (const RdCheckFindings *self, RdCheckKind kind);

/* Appends them all to @page. @columns: of the page, 0: any, then each is on one line. */
void rd_check_findings_append (const RdCheckFindings *self, GString *page, guint columns);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdCheckFindings, rd_check_findings_free)

G_END_DECLS
