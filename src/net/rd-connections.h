/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

/* Counts the HTTP connections of a port, and limits the lifetime of each. */
typedef struct _RdConnections RdConnections;

typedef struct
{
  /* Called when a connection is shut down. @is_early: whether this happens before the end of
   * lifetime_us, to free a slot. */
  void (*cut) (gboolean is_early, gpointer user_data);
  void (*changed) (guint count, gpointer user_data); /* @count: new number of connections */
} RdConnectionsEvents;

/* Shuts down each watched connection after @lifetime_us. While there are at least @max connections,
 * uses @crowded_lifetime_us instead, so that idle connections cannot keep out new ones. @events:
 * (transfer none): must outlive the object. Returns: (transfer full). */
RdConnections *rd_connections_new (guint max,
                                   gint64 lifetime_us,
                                   gint64 crowded_lifetime_us,
                                   const RdConnectionsEvents *events,
                                   gpointer user_data);
void rd_connections_free (RdConnections *connections);

/* Shuts down the oldest connection, if any, to free its slot. */
void rd_connections_cut_oldest (RdConnections *connections);

/* Watches @connection (transfer none) until it is disposed, shut down or released. */
void rd_connections_watch (RdConnections *connections, GSocketConnection *connection);
void rd_connections_release (RdConnections *connections, GSocketConnection *connection);

guint rd_connections_get_count (const RdConnections *connections);
