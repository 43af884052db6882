/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>
#include <signal.h>

G_BEGIN_DECLS

/* Environment variable of a new worker: number of the descriptor of its hand-over channel. */
#define RD_SUCCESSOR_VARIABLE "RINGDOWN_HANDOVER"

/* Finds the termination, upgrade and restart signals that this process was started with as ignored
 * signals, by nohup(1) for example. Call this before handlers are installed. @ignored: (out).
 * @is_new_worker: whether rd_successor_spawn() started this process; it passes on the ignored
 * signals of the old worker. */
void rd_successor_get_ignored (sigset_t *ignored, gboolean is_new_worker);

/* A new worker that this process has started. */
typedef struct _RdSuccessor RdSuccessor;

/* @how: (nullable): how the new worker has ended, for error messages; NULL: it is still running. */
typedef void (*RdSuccessorFunc) (const char *how, gpointer user_data);

/* Starts a new worker, which inherits standard input, output and error. @program: absolute path;
 * replaces @argv[0], so that the new worker can find its program. @argv, @environment:
 * NULL-terminated. @fd: (transfer full): the new worker's end of the hand-over channel.
 * Returns: (transfer full) (nullable): the new worker, or NULL with an error that contains
 * @program. */
RdSuccessor *rd_successor_spawn (const char *program,
                                 const char *const *argv,
                                 char **environment,
                                 int fd,
                                 GError **error);

/* Frees @self; the new worker keeps running. How it ends is not reported. */
void rd_successor_free (RdSuccessor *self);

void rd_successor_kill (RdSuccessor *self);

/* Makes the new worker a child of the process that adopts orphans (under systemd, the service
 * manager, which waits for the exit of a main process only if it is a child of the service
 * manager). After this call, the end of the new worker is not reported. Blocks briefly. */
void rd_successor_release (RdSuccessor *self);

/* Calls @func once, when the new worker has ended or after @patience_ms, whichever is first. */
void rd_successor_await_end (RdSuccessor *self,
                             guint patience_ms,
                             RdSuccessorFunc func,
                             gpointer user_data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdSuccessor, rd_successor_free)

G_END_DECLS
