/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The HTTP connections of a server: how many there are, and an end to those that take too long. */
typedef struct _RdConnections RdConnections;

/* What it tells. */
typedef struct
{
  void (*cut) (gboolean in_time, gpointer user_data); /* one was cut: for others, or it was time */
  void (*changed) (guint count, gpointer user_data);  /* so many are there now */
} RdConnectionsEvents;

/* @lifetime_us: a connection watched for so long is cut. @max: while there are so many, one is cut
 * after @crowded_lifetime_us already, so that nobody can keep others out by doing nothing.
 * @events: (transfer none), outlives it. */
RdConnections *rd_connections_new (guint max,
                                   gint64 lifetime_us,
                                   gint64 crowded_lifetime_us,
                                   const RdConnectionsEvents *events,
                                   gpointer user_data);
void rd_connections_free (RdConnections *connections);

/* Cuts the oldest, if there is one, to make room. */
void rd_connections_cut_oldest (RdConnections *connections);

/* Watches @connection (transfer none) until it is disposed of, its time is up, or
 * rd_connections_release(). */
void rd_connections_watch (RdConnections *connections, GSocketConnection *connection);
void rd_connections_release (RdConnections *connections, GSocketConnection *connection);

guint rd_connections_get_count (const RdConnections *connections);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdConnections, rd_connections_free)

G_END_DECLS
