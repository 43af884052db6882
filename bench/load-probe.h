/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>
#include <sys/types.h>

/* For both, @pid 0 stands for nobody: the answer is 0. */

/* The CPU time that a process has used in all its threads, those that ended too. */
gboolean load_probe_cpu (pid_t pid, gint64 *cpu_ns, GError **error);

/* Resident bytes. @rss: counts a page for every mapping of it; @pss: each page once, and what is
 * shared with other processes in part. */
gboolean load_probe_memory (pid_t pid, gint64 *rss, gint64 *pss, GError **error);
