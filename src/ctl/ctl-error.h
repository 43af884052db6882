/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Every error of this program ends it with the same exit status, so its message is all that counts:
 * one domain, one code. */
#define CTL_ERROR        (ctl_error_quark ())
#define CTL_ERROR_FAILED 0
GQuark ctl_error_quark (void);

G_END_DECLS
