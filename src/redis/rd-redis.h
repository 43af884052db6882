/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-link.h"

#include <glib-object.h>

#define RD_REDIS_STREAM_KEY "ringdown:log"

typedef enum
{
  RD_REDIS_STREAM, /* messages are kept in a stream, so that none is missed */
  RD_REDIS_PUBSUB, /* messages are published on the channel and delivered at most once */
} RdRedisMode;

/* Options of a Redis bus. */
typedef struct
{
  RdRedisMode mode;
  const char *node;    /* name of this node: unique, see rd_redis_is_node_name() */
  const char *channel; /* Redis channel; other programs can also publish on it */
  guint64 history;     /* approximate maximum length of the stream, in messages */
  gsize buffer_size;   /* maximum total size of the messages that wait for Redis, in bytes */
  gsize max_message;   /* maximum size of a message from Redis, in bytes */
  gsize batch_size;    /* approximate maximum total size of the messages per XREAD, in bytes */

  /* Returns: whether the clients can receive more messages; called during a catch-up. */
  gboolean (*has_room) (gpointer data);
  gpointer room_data;
} RdRedisBusOptions;

/* Purpose of a connection. Separate connections are needed since a RESP2 subscriber can send no
 * other commands, and a blocking XREAD delays later commands. */
typedef enum
{
  RD_REDIS_COMMANDS,
  RD_REDIS_SUBSCRIBER,
  RD_REDIS_CONSUMER,
  RD_REDIS_N_USES,
} RdRedisUse;

/* The connections to one Redis server. They are up or down together: if one fails, all are closed
 * and opened again after a growing pause.
 *
 * Signals: "up": all connections are ready. "down" (const GError *why): the connections were
 * closed, or another attempt failed; @why is NULL after rd_redis_stop(). "refused" (const char
 * *why): the registry of nodes has worked (@why is NULL), or has failed with the error reply @why.
 * "pushed" (const redisReply *): the connection %RD_REDIS_SUBSCRIBER received a message. */
#define RD_TYPE_REDIS (rd_redis_get_type ())
G_DECLARE_FINAL_TYPE (RdRedis, rd_redis, RD, REDIS, GObject)

/* @url: (transfer full). Returns: (transfer full): an object that is not connected yet. With @mode
 * %RD_REDIS_PUBSUB, the object has no %RD_REDIS_CONSUMER connection. */
RdRedis *rd_redis_new (RdRedisUrl *url, RdRedisMode mode);

/* Connects, and reconnects after each failure. */
void rd_redis_start (RdRedis *self);

/* Closes the connections at once. Does not reconnect until rd_redis_start() is called. */
void rd_redis_stop (RdRedis *self);

/* Closes the connections with the reason @why, and reconnects after a pause. */
void rd_redis_fail (RdRedis *self, const GError *why);

gboolean rd_redis_is_up (RdRedis *self);

/* Returns: TRUE if no command on the %RD_REDIS_COMMANDS connection is waiting for a reply, or if
 * the connections are down. */
gboolean rd_redis_is_idle (RdRedis *self);

/* Returns: (transfer none): the server's URL without the password, for log messages. */
const char *rd_redis_get_name (RdRedis *self);

/* Returns: (transfer none): the result of rd_redis_url_dup_place() for the server. */
const char *rd_redis_get_place (RdRedis *self);

/* Returns: (transfer none) (nullable): the connection for @use; NULL if it is down. */
RdRedisLink *rd_redis_get_link (RdRedis *self, RdRedisUse use);

/* Calls rd_redis_link_call_words() on the %RD_REDIS_COMMANDS connection, unless it is down. */
#define rd_redis_call(self, func, user_data, ...)                                         \
  rd_redis_link_call_words (rd_redis_get_link (self, RD_REDIS_COMMANDS), func, user_data, \
                            __VA_ARGS__)

/* Maximum pause between connection attempts. The first pause lasts up to 100 ms; each attempt
 * doubles the limit, up to this maximum. A pause is a random time between half of the limit and the
 * limit, so that several nodes do not reconnect at the same moment. */
#define RD_REDIS_BACKOFF_MAX_MS 5000

/* After this time without a failure, the pause after the next failure is limited to 100 ms. */
#define RD_REDIS_STABLE_US (5 * G_TIME_SPAN_SECOND)

/* Adds 1 to @attempts, which the caller must set to 0 after a success. Returns: the pause before
 * the next attempt, in ms. */
guint rd_redis_backoff_next (guint *attempts);

/* Connects to the server at @url, sends INFO (https://redis.io/commands/info) and disconnects.
 * Blocks for up to 2 s. Returns: (transfer full) (nullable): lines of "name:value", empty if the
 * server refuses INFO; NULL with the error of the link (%RD_REDIS_ERROR_REFUSED: login refused), or
 * with %RD_REDIS_ERROR_CLUSTER or %RD_REDIS_ERROR_REPLICA. */
char *rd_redis_info_ask (const RdRedisUrl *url, GError **error);

/* Checks the login. Blocks for up to 2 s. Returns: FALSE with %RD_REDIS_ERROR_REFUSED if the login
 * is refused, or with %RD_REDIS_ERROR_CLUSTER (the message contains the URL); otherwise TRUE, even
 * if the server is unreachable or a replica. */
gboolean rd_redis_check_login (const RdRedisUrl *url, GError **error);

/* Returns: (transfer full) (nullable): the printable value of @name in @info; NULL if absent. */
char *rd_redis_info_dup (const char *info, const char *name);
