/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-reply.h"
#include "rd-redis-url.h"

#include <gio/gio.h>

/* Commands that the socket has not taken yet, as bytes
 * (https://redis.io/docs/reference/protocol-spec). Unbounded: the caller limits what it appends. */
typedef struct
{
  GByteArray *bytes; /* owned */
  gsize sent;        /* of these, at the beginning */
} RdRedisOutput;

/* Appends a command of @argc words. @sizes: the size of each, bytes; NULL: they are strings. */
void rd_redis_output_append (RdRedisOutput *output,
                             int argc,
                             const char *const *argv,
                             const gsize *sizes);

/* Returns: the bytes to send next, valid until the next call. @size: their number, 0 if none. */
const guint8 *rd_redis_output_peek (const RdRedisOutput *output, gsize *size);

/* Drops @size bytes, which were sent. */
void rd_redis_output_advance (RdRedisOutput *output, gsize size);

/* A connection to a Redis server that sends commands and receives replies. It does not know which
 * reply belongs to which command. */
typedef struct _RdRedisConnection RdRedisConnection;

/* Called from the main loop; each may free the connection. */
typedef struct
{
  /* Connected: commands may be sent. */
  void (*opened) (gpointer user_data);

  /* @reply: (transfer none). */
  void (*reply) (const redisReply *reply, gpointer user_data);

  /* Not connected, or not any more; no other event follows. @error: %G_IO_ERROR, %G_RESOLVER_ERROR,
   * %RD_REDIS_ERROR_PROTOCOL or %RD_REDIS_ERROR_TOO_BIG, without the address. */
  void (*closed) (const GError *error, gpointer user_data);
} RdRedisConnectionEvents;

/* Resolves the host's name and connects, with no time limit of its own, in the thread-default main
 * context. @url: not kept. @events: unowned: outlives the connection. */
RdRedisConnection *rd_redis_connection_new (const RdRedisUrl *url,
                                            const RdRedisConnectionEvents *events,
                                            gpointer user_data);

/* Closes the connection at once. An attempt to connect is cancelled, and released when the main
 * context runs next. */
void rd_redis_connection_free (RdRedisConnection *connection);

/* Returns: whether it was opened and is not closed. */
gboolean rd_redis_connection_is_open (const RdRedisConnection *connection);

/* Queues a command; all commands of one main loop iteration are sent together, in order. @argv and
 * @sizes are those of rd_redis_output_append(). No effect unless open. */
void rd_redis_connection_send (RdRedisConnection *connection,
                               int argc,
                               const char *const *argv,
                               const gsize *sizes);

/* Returns: when bytes were last received, or the connection was opened; monotonic, µs. */
gint64 rd_redis_connection_get_received_us (const RdRedisConnection *connection);

/* Returns: whether bytes have arrived that the main loop has not read yet. */
gboolean rd_redis_connection_has_unread (RdRedisConnection *connection);
