/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

/* The HTTP connections of a port: their number, and a time limit for each. */
typedef struct _RdConnections RdConnections;

typedef struct
{
  /* a connection was shut down: early, to free a slot, or because it timed out */
  void (*cut) (gboolean is_early, gpointer user_data);
  void (*changed) (guint count, gpointer user_data); /* the number of connections has changed */
} RdConnectionsEvents;

/* Shuts down each watched connection after @lifetime_us; while there are @max connections, after
 * @crowded_lifetime_us, so that silent connections cannot block new ones. @events: (transfer none):
 * outlives the object. Returns: (transfer full). */
RdConnections *rd_connections_new (guint max,
                                   gint64 lifetime_us,
                                   gint64 crowded_lifetime_us,
                                   const RdConnectionsEvents *events,
                                   gpointer user_data);
void rd_connections_free (RdConnections *connections);

/* Shuts down the oldest connection, if any, to free its slot. */
void rd_connections_cut_oldest (RdConnections *connections);

/* Watches @connection (transfer none) until it is disposed of, times out, or is released. */
void rd_connections_watch (RdConnections *connections, GSocketConnection *connection);
void rd_connections_release (RdConnections *connections, GSocketConnection *connection);

guint rd_connections_get_count (const RdConnections *connections);
