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

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdNotifySocket, rd_notify_socket_free)

G_END_DECLS
