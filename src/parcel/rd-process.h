/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* Returns: (transfer full): the absolute path of the program of this process, to start it again
 * after an update; NULL with a #GFileError. @argv0: (nullable): as passed to main(); if it leads to
 * the program now, the path is returned with its links unresolved. If not, the path is that of
 * /proc/self/exe (proc(5)). */
char *rd_process_dup_program (const char *argv0, GError **error);

/* Returns: whether the container ends with this process: it is process 1 of the container, or the
 * child of an init process that runs nothing else. */
gboolean rd_process_ends_container (void);

/* Returns: (transfer full): a descriptor of process @pid (pidfd_open(2)); -1 if there is none. */
int rd_process_open (pid_t pid);

/* Waits for the end of the process of @pidfd, for up to @timeout_ms. Returns: whether it has ended;
 * TRUE if @pidfd is -1. */
gboolean rd_process_has_ended (int pidfd, int timeout_ms);

G_END_DECLS
