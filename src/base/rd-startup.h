/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* To be called first in main(). Opens /dev/null for standard input, output or error if they are
 * closed, so that no other file gets these descriptors. Sets the locale from the environment
 * (setlocale(3)), and the directory of translations. */
void rd_startup (void);
