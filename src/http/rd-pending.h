/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

/* Maximum size of a request head in bytes. */
#define RD_PENDING_HEAD_MAX 8192

/* HTTP connections whose request is not answered yet. A connection that waits for its request costs
 * about 100 bytes and no poll() entry: all of them are in one epoll set in one #GSource. */
typedef struct _RdPending RdPending;

/* The state of a connection. */
typedef enum
{
  RD_PENDING_WAITING,  /* the request head is incomplete */
  RD_PENDING_ANSWERED, /* an answer was sent; the rest of the input is discarded until it ends */
  RD_PENDING_SERVED,   /* a GSocketConnection owns the socket */
  RD_PENDING_HELD,     /* will be served when fewer connections are */
  RD_PENDING_N,
  RD_PENDING_TAKEN = RD_PENDING_N, /* the socket belongs to the callback */
} RdPendingState;

typedef struct
{
  /* Called when bytes have arrived on @fd. The bytes are still in the socket, too. @data: the first
   * @size bytes of the input; at most RD_PENDING_HEAD_MAX + 1. @is_last: whether it is pointless to
   * wait for more bytes: the input has ended, is too long, or came in too many pieces. Returns: the
   * next state, except %RD_PENDING_HELD. If it is %RD_PENDING_WAITING and @is_last is TRUE, the
   * connection is closed. */
  RdPendingState (
    *look) (int fd, const char *data, gsize size, gboolean is_last, gpointer user_data);

  /* Called to serve @connection after look() has returned %RD_PENDING_SERVED. The connection counts
   * as served until it is disposed. */
  void (*serve) (GSocketConnection *connection, gpointer user_data);

  /* Called before a connection is closed because its time is over. @fd: the socket, or -1 if a
   * GSocketConnection owns it. */
  void (*timed_out) (int fd, gpointer user_data);
} RdPendingEvents;

/* Creates an empty set. Each connection is closed @lifetime_us after rd_pending_add(), whatever its
 * state. @events: (transfer none): must outlive the object.
 * Returns: (transfer full) (nullable): the set, or NULL with a #GFileError. */
RdPending *rd_pending_new (gint64 lifetime_us,
                           const RdPendingEvents *events,
                           gpointer user_data,
                           GError **error);

/* Closes all connections except the served ones. */
void rd_pending_free (RdPending *pending);

/* Adds the non-blocking socket @fd (transfer full). May call RdPendingEvents.look(). */
void rd_pending_add (RdPending *pending, int fd);

/* Closes the connection that has been in @state longest, to free a descriptor. @state:
 * %RD_PENDING_WAITING or %RD_PENDING_ANSWERED. Returns: TRUE, or FALSE if there is none. */
gboolean rd_pending_close_oldest (RdPending *pending, RdPendingState state);

/* Removes all connections that wait for their request. Returns: (transfer full) (element-type int):
 * the sockets, oldest first; the array closes them when freed. */
GArray *rd_pending_steal_waiting (RdPending *pending);

/* Returns the number of connections in @state. */
guint rd_pending_count (const RdPending *pending, RdPendingState state);
