/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Forks the calling process, itself a fork that is about to execute another program. Returns only
 * in the child. The parent becomes a guard of the child: it exits with the status or signal of the
 * child, and kills the child (SIGKILL) if it reads a byte from @word_fd. The child keeps running if
 * the other end of @word_fd is closed or the guard is killed. On failure, kills the child and exits
 * with EXIT_FAILURE. Async-signal-safe (signal-safety(7)). */
void rd_guard_divide (int word_fd);

G_END_DECLS
