/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>
#include <sys/types.h>

/* Both functions set the results to 0 if @pid is 0. */

/* Reads the CPU time used by all threads of a process, including ended ones. */
gboolean load_probe_cpu (pid_t pid, gint64 *cpu_ns, GError **error);

/* Reads the resident memory of a process in bytes. @rss: counts a page once for each mapping; @pss:
 * counts a page once, and pages shared with other processes proportionally. */
gboolean load_probe_memory (pid_t pid, gint64 *rss, gint64 *pss, GError **error);
