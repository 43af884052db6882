/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The variable that names the descriptor of its parcel to a successor. */
#define RD_SUCCESSOR_VARIABLE "RINGDOWN_HANDOVER"

/* A process that was started to go on with what this one does. */
typedef struct _RdSuccessor RdSuccessor;

/* How it came to its end, for people; NULL: it goes on. */
typedef void (*RdSuccessorFunc) (const char *how, gpointer user_data);

/* Starts @program, an absolute path, with @argv and @environment (both NULL-terminated). What
 * stands for @argv[0] is @program: so the successor knows where it was started, wherever it is.
 * Standard input, output and error are ours. @fd: (transfer full): the other end of the parcel.
 * Returns: (transfer full): NULL with an error that names the program. */
RdSuccessor *rd_successor_spawn (const char *program,
                                 const char *const *argv,
                                 char **environment,
                                 int fd,
                                 GError **error);

/* The process goes on; how it ends is not known from then on. */
void rd_successor_free (RdSuccessor *self);

void rd_successor_kill (RdSuccessor *self);

/* Leaves the successor to whoever adopts orphans here: under systemd the manager itself, which
 * waits for the end of a main process only if that is its child. How it ends is not known from then
 * on. Blocks until it is so: a moment. */
void rd_successor_release (RdSuccessor *self);

/* Calls @func once, when the process has ended, at the latest @patience_ms from now. */
void rd_successor_await_end (RdSuccessor *self,
                             guint patience_ms,
                             RdSuccessorFunc func,
                             gpointer user_data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdSuccessor, rd_successor_free)

G_END_DECLS
