/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The way to a service manager: datagrams to its socket (sd_notify(3), "Notes"). */
typedef struct _RdNotifySocket RdNotifySocket;

/* @address: NOTIFY_SOCKET: an absolute path, or "@" and a name in the abstract namespace.
 * Returns: (transfer full): NULL with an error if it is no such address. Whether anybody is there
 * shows only when something is sent, and may change. */
RdNotifySocket *rd_notify_socket_new (const char *address, GError **error);
void rd_notify_socket_free (RdNotifySocket *self);

/* Sends @assignments, "READY=1\nSTATUS=…", or does without; never waits.
 * Returns: FALSE if the service manager has no room for it just now, and it may be tried again. */
gboolean rd_notify_socket_send (RdNotifySocket *self, const char *assignments);

/* Sends @assignments, and @fd with it (-1: none), and blocks until there is room for it, or it is
 * @deadline_us (monotonic). Returns: FALSE with an error: %G_IO_ERROR_TIMED_OUT if the service
 * manager had no room until then. */
gboolean rd_notify_socket_send_until (RdNotifySocket *self,
                                      const char *assignments,
                                      int fd,
                                      gint64 deadline_us,
                                      GError **error);

/* Blocks until the service manager has acted on all that was sent before (sd_notify_barrier(3)), or
 * it is @deadline_us (monotonic). Returns: FALSE with an error: %G_IO_ERROR_TIMED_OUT if it has not
 * until then. */
gboolean rd_notify_socket_barrier (RdNotifySocket *self, gint64 deadline_us, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdNotifySocket, rd_notify_socket_free)

G_END_DECLS
