/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* Where to find the program that this process runs, or a newer one that is there later.
 * @argv0: (nullable): what it was started as; if that leads to the program at this moment, it is
 * the path, with its links, which may lead elsewhere later. If not, that is what the kernel says:
 * no links (proc(5), /proc/PID/exe).
 * Returns: (transfer full): an absolute path; NULL with a #GFileError. */
char *rd_process_dup_program (const char *argv0, GError **error);

/* Whether the end of this process is that of the container it is in: it is the first one there, or
 * the child of an init that runs nothing else. */
gboolean rd_process_ends_container (void);

/* Returns: a descriptor that stands for process @pid (pidfd_open(2)); -1: there is none. */
int rd_process_open (pid_t pid);

/* Whether the process that @pidfd stands for has ended, or does so within @patience_ms; one of
 * which nothing is known, -1, has. */
gboolean rd_process_has_ended (int pidfd, int patience_ms);

G_END_DECLS
