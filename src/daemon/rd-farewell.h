/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-parts.h"

G_BEGIN_DECLS

/* Waits, once the service has drained, for what is under way at its end. */
typedef struct _RdFarewell RdFarewell;

/* @parts: (transfer none): outlives it. @func: called when nothing is waited for any more.
 * Returns: (transfer full). */
RdFarewell *rd_farewell_new (RdParts *parts, void (*func) (gpointer user_data), gpointer user_data);
void rd_farewell_free (RdFarewell *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdFarewell, rd_farewell_free)

G_END_DECLS
