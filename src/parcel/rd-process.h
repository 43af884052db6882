/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* Returns: (transfer full) (nullable): the absolute path of the program of this process, to start
 * it again after an update, or NULL with a #GFileError. @argv0: (nullable): as passed to main(). If
 * @argv0 leads to the running program, returns that path without resolving symbolic links,
 * otherwise the target of /proc/self/exe (proc(5)). */
char *rd_process_dup_program (const char *argv0, GError **error);

/* Returns: whether the container ends with this process: it is process 1 of the container, or the
 * child of an init process that runs nothing else. */
gboolean rd_process_ends_container (void);

/* Returns: process id of the service for which the container of this process exists: process 1, or
 * the only child of an init process; 0: there is none, or it is this process. */
pid_t rd_process_find_service (void);

/* Returns: (transfer full): a descriptor of process @pid (pidfd_open(2)); -1 on failure. */
int rd_process_open (pid_t pid);

/* Waits for up to @timeout_ms until the process of @pidfd ends. Returns: whether the process has
 * ended; TRUE if @pidfd is -1. */
gboolean rd_process_has_ended (int pidfd, int timeout_ms);

G_END_DECLS
