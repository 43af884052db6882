/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The HTTP connections of a server: how many there are, and an end to those that take too long. */
typedef struct _RdConnections RdConnections;

/* @lifetime_us: a connection watched for so long is cut. @expired: (nullable): called for each that
 * is. @left: called whenever the number has gone down. */
RdConnections *rd_connections_new (gint64 lifetime_us,
                                   void (*expired) (gpointer user_data),
                                   void (*left) (gpointer user_data),
                                   gpointer user_data);
void rd_connections_free (RdConnections *connections);

/* Watches @connection (transfer none) until it is disposed of, its time is up, or
 * rd_connections_release(). */
void rd_connections_watch (RdConnections *connections, GSocketConnection *connection);
void rd_connections_release (RdConnections *connections, GSocketConnection *connection);

guint rd_connections_get_count (const RdConnections *connections);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdConnections, rd_connections_free)

G_END_DECLS
