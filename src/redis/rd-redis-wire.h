/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-reader.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* A connection as commands that go out and replies that come in; which belongs to which is its
 * owner's to know. */
typedef struct _RdRedisWire RdRedisWire;

/* Always from the main loop; each may free the wire. */
typedef struct
{
  /* @reply: (transfer none). */
  void (*reply) (const redisReply *reply, gpointer user_data);

  /* Nothing comes any more. %RD_REDIS_ERROR_PROTOCOL, %RD_REDIS_ERROR_TOO_BIG or %G_IO_ERROR. */
  void (*broken) (const GError *error, gpointer user_data);
} RdRedisWireEvents;

/* Watches @connection in the thread-default main context. @events: unowned: outlives the wire. */
RdRedisWire *rd_redis_wire_new (GSocketConnection *connection,
                                const RdRedisWireEvents *events,
                                gpointer user_data);

/* Closes the connection. */
void rd_redis_wire_free (RdRedisWire *wire);

/* Commands of one turn of the main loop leave together, in order. What the server does not take yet
 * is kept, without a bound. The words are as in rd_redis_output_append(). */
void rd_redis_wire_send (RdRedisWire *wire, int argc, const char *const *argv, const gsize *sizes);

/* When something came last, monotonic; at first, when the wire was made. */
gint64 rd_redis_wire_get_heard_us (const RdRedisWire *wire);

/* Whether something came that the main loop did not get round to reading. */
gboolean rd_redis_wire_has_unread (RdRedisWire *wire);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisWire, rd_redis_wire_free)

G_END_DECLS
