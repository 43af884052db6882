/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Listening sockets, and the accepting of connections from them in batches. */
typedef struct _RdListener RdListener;

/* @connection: (transfer full), or NULL: one was refused since no descriptor is left for it. */
typedef void (*RdListenerFunc) (GSocketConnection *connection, gpointer user_data);

/* Binds and listens on every address that @addresses (IP addresses or host names) stand for; of a
 * name's addresses one must work, all others must.
 * @port: 0 for any free one, the same for all. @reuse_port: share it with other workers
 * (SO_REUSEPORT, socket(7)). Returns: (transfer full): NULL with an error that names address and
 * port. */
RdListener *rd_listener_new (const char *const *addresses,
                             guint port,
                             gboolean reuse_port,
                             RdListenerFunc func,
                             gpointer user_data,
                             GError **error);

/* Accepts from sockets that listen already, and that who has passed them to us may hold too: see
 * rd_listener_stop(). @sockets: (element-type GSocket), TCP; each is kept for as long as it is
 * listened on. */
RdListener *rd_listener_new_inherited (GPtrArray *sockets,
                                       RdListenerFunc func,
                                       gpointer user_data,
                                       GError **error);
void rd_listener_free (RdListener *listener);

/* Accepts up to @pace connections in one turn of the main loop: 1 at first; 0: leaves them in the
 * backlog. */
void rd_listener_set_pace (RdListener *listener, guint pace);

/* Accepts what has come so far, then closes the sockets, so that connections are refused. Inherited
 * ones go on: if we closed them, connections would not be refused, but wait for whoever accepts
 * from them next. */
void rd_listener_stop (RdListener *listener);

/* Listens again where it did. Returns: FALSE with an error, and nothing changed, if that cannot be:
 * another program may have taken a port. */
gboolean rd_listener_resume (RdListener *listener, GError **error);

/* For good: accepts nothing more and lets go of the sockets. What waits in the backlog of inherited
 * ones is left for who accepts from them next. */
void rd_listener_close (RdListener *listener);

/* Returns: (transfer full): "127.0.0.1:8000", "[::1]:8000". */
char **rd_listener_dup_addresses (RdListener *listener);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdListener, rd_listener_free)

G_END_DECLS
