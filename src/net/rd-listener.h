/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-binding.h"

G_BEGIN_DECLS

/* Accepts connections from the sockets of a port, in batches. */
typedef struct _RdListener RdListener;

/* @connection: (transfer full), or NULL: one was refused since no descriptor is left for it. */
typedef void (*RdListenerFunc) (GSocketConnection *connection, gpointer user_data);

/* @binding: (transfer none): outlives the listener. Paused until rd_listener_resume().
 * Returns: (transfer full). */
RdListener *rd_listener_new (RdBinding *binding, RdListenerFunc func, gpointer user_data);
void rd_listener_free (RdListener *listener);

/* Accepts up to @pace connections in one turn of the main loop: 1 at first; 0: leaves them in the
 * backlog. */
void rd_listener_set_pace (RdListener *listener, guint pace);

/* Leaves connections in the backlog, for us or another process that has the sockets too; and
 * accepts them again, with the pace that was set last. */
void rd_listener_pause (RdListener *listener);
void rd_listener_resume (RdListener *listener);

/* Accepts what has come so far to @socket, one of another binding. */
void rd_listener_accept_waiting (RdListener *listener, GSocket *socket);

/* Accepts what has come so far, then closes the sockets, so that connections are refused. Inherited
 * ones go on: if we closed them, connections would not be refused, but wait for whoever accepts
 * from them next. */
void rd_listener_stop (RdListener *listener);

/* Listens again where it did. Returns: FALSE with an error, and nothing changed, if that cannot be:
 * another program may have taken a port. */
gboolean rd_listener_reopen (RdListener *listener, GError **error);

/* For good: accepts nothing more and lets go of the sockets. What waits in the backlog of inherited
 * ones is left for who accepts from them next. */
void rd_listener_close (RdListener *listener);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdListener, rd_listener_free)

G_END_DECLS
