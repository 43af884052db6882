/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Opens those of standard input, output and error that are closed, as /dev/null, for reading only:
 * to write where nothing was open stays an error. Called once, first in main(). */
void rd_stdio_open (void);

G_END_DECLS
