/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* Sets up the process; to be called first in main(). Opens /dev/null in place of a closed standard
 * input, output or error, so that no other file gets descriptors 0 to 2. Sets the locale from the
 * environment (setlocale(3)), and the directory of the translations (bindtextdomain(3)). */
void rd_startup (void);
