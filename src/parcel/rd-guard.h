/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Makes two of the calling process, a fork (fork(2)) that is about to execute another program:
 * returns in a child of it, and the process itself stands guard. It ends as the child does, with
 * its status or by its signal; a byte from @word_fd has it kill the child (SIGKILL); at the end of
 * @word_fd, or if it is killed itself, the child goes on without it. Where it cannot do that there
 * is no child, and it ends with EXIT_FAILURE. May be called where only async-signal-safe functions
 * may. */
void rd_guard_divide (int word_fd);

G_END_DECLS
