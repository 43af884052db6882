/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Raises the limit of descriptors as far as the hard limit allows (getrlimit(2)).
 * Returns: how many clients fit below it, with some kept for everything else. */
guint rd_descriptors_raise (void);

G_END_DECLS
