/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* Sends datagrams to the service manager (sd_notify(3), "Notes"). */
typedef struct _RdNotifySocket RdNotifySocket;

/* Creates a socket without connecting it, so that the receiver can be restarted. @address: the
 * value of NOTIFY_SOCKET, either an absolute path, or "@" and a name in the abstract namespace
 * (unix(7)). Returns: (transfer full) (nullable): the socket, or NULL with an error. */
RdNotifySocket *rd_notify_socket_new (const char *address, GError **error);
void rd_notify_socket_free (RdNotifySocket *self);

/* Sends @assignments, such as "READY=1\nSTATUS=…", without blocking. Returns: FALSE if the
 * receiver's queue is full (send again later), otherwise TRUE, even after an error. */
gboolean rd_notify_socket_send (RdNotifySocket *self, const char *assignments);

/* Sends @assignments and a duplicate of @fd (-1: none); blocks while the receiver's queue is full.
 * Returns: TRUE, or FALSE with an error (%G_IO_ERROR_TIMED_OUT if the monotonic time @deadline_us
 * passes first). */
gboolean rd_notify_socket_send_until (RdNotifySocket *self,
                                      const char *assignments,
                                      int fd,
                                      gint64 deadline_us,
                                      GError **error);

/* Blocks until the service manager has processed all earlier datagrams (sd_notify_barrier(3)).
 * Returns: TRUE, or FALSE with an error (%G_IO_ERROR_TIMED_OUT if the monotonic time @deadline_us
 * passes first). */
gboolean rd_notify_socket_barrier (RdNotifySocket *self, gint64 deadline_us, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdNotifySocket, rd_notify_socket_free)
