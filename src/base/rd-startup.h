/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* Sets up the process; to be called first in main(). If standard input, output or error is closed,
 * opens /dev/null in its place, so that no other file gets its descriptor. Ignores SIGPIPE and
 * SIGXFSZ: functions that write fail with EPIPE and EFBIG instead. Sets the locale from the
 * environment (setlocale(3)), and the directory of the translations (bindtextdomain(3)). */
void rd_startup (void);
