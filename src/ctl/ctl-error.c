/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The error domain of this program. Gives its errors a home and nothing more: what they say is
 * written where the fault is found, and it is printed by main() alone. Nobody asks an error for its
 * code. */

#include "ctl-error.h"

G_DEFINE_QUARK (ctl - error - quark, ctl_error)
