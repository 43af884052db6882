/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-link.h"

#include <glib-object.h>

#define RD_REDIS_STREAM_KEY "ringdown:log"

typedef enum
{
  RD_REDIS_STREAM, /* a stream: no message is missed */
  RD_REDIS_PUBSUB, /* bare text on the channel: at most once */
} RdRedisMode;

/* Options of the bus. */
typedef struct
{
  RdRedisMode mode;
  const char *node;    /* name of this node: unique, see rd_redis_is_node_name() */
  const char *channel; /* messages published on it by other programs are delivered, too */
  guint64 history;     /* approximate length of the stream, messages */
  gsize buffer_size;   /* limit of messages that wait for Redis, bytes */
  gsize max_message;   /* limit of messages from Redis, bytes */
  gsize batch_size;    /* messages to read from the stream at once, bytes */

  /* Whether no client is too far behind for more messages; called while catching up. */
  gboolean (*has_room) (gpointer data);
  gpointer room_data;
} RdRedisBusOptions;

/* The purpose of a connection: a RESP2 subscriber can send no other command, and a blocking XREAD
 * delays the commands after it. */
typedef enum
{
  RD_REDIS_COMMANDS,
  RD_REDIS_SUBSCRIBER,
  RD_REDIS_CONSUMER,
  RD_REDIS_N_USES,
} RdRedisUse;

/* The connections to one Redis server, which are up or down together: when one fails, all are
 * closed and opened again, after a growing pause.
 *
 * Signals: "up": all are ready. "down" (const GError *why): they are not ready any more, or another
 * attempt failed; NULL: closed by rd_redis_stop(). "pushed" (const redisReply *): a message to the
 * subscriber. */
#define RD_TYPE_REDIS (rd_redis_get_type ())
G_DECLARE_FINAL_TYPE (RdRedis, rd_redis, RD, REDIS, GObject)

/* @url: (transfer full). Returns: (transfer full): not connected; without RD_REDIS_CONSUMER for
 * %RD_REDIS_PUBSUB. */
RdRedis *rd_redis_new (RdRedisUrl *url, RdRedisMode mode);

/* Connects, and reconnects after each failure. */
void rd_redis_start (RdRedis *self);

/* Closes the connections at once and does not reconnect, until rd_redis_start(). */
void rd_redis_stop (RdRedis *self);

/* Closes the connections with the reason @why, and reconnects. */
void rd_redis_fail (RdRedis *self, const GError *why);

gboolean rd_redis_is_up (RdRedis *self);

/* Returns: whether every command on RD_REDIS_COMMANDS has its reply; TRUE if down. */
gboolean rd_redis_is_idle (RdRedis *self);

/* Returns: (transfer none): the server's URL without the password, for messages. */
const char *rd_redis_get_name (RdRedis *self);

/* Returns: (transfer none): see rd_redis_url_dup_place(). */
const char *rd_redis_get_place (RdRedis *self);

/* Returns: (transfer none) (nullable): NULL if down. */
RdRedisLink *rd_redis_get_link (RdRedis *self, RdRedisUse use);

/* Sends a command on %RD_REDIS_COMMANDS, as rd_redis_link_call_words(). No effect if down. */
#define rd_redis_call(self, func, user_data, ...)                                         \
  rd_redis_link_call_words (rd_redis_get_link (self, RD_REDIS_COMMANDS), func, user_data, \
                            __VA_ARGS__)

/* Pauses between attempts: at most 100 ms at first, twice as long each time, up to this. Each pause
 * is a random time between half of the maximum and all of it, so that several nodes do not
 * reconnect at the same moment. */
#define RD_REDIS_BACKOFF_MAX_MS 5000

/* After this time without a failure the pauses start at 100 ms again. */
#define RD_REDIS_STABLE_US (5 * G_TIME_SPAN_SECOND)

/* Counts another attempt. @attempts: since the last success. Returns: the pause before it, ms. */
guint rd_redis_backoff_next (guint *attempts);

/* Connects to the server at @url, asks for INFO (https://redis.io/commands/info) and disconnects.
 * Blocks for up to 2 s. Returns: (transfer full): lines of "name:value", empty if the server
 * refuses INFO; NULL with an error of a link, %RD_REDIS_ERROR_REFUSED if the login failed. */
char *rd_redis_info_ask (const RdRedisUrl *url, GError **error);

/* Returns: FALSE with %RD_REDIS_ERROR_REFUSED, and a message that names the server, if the server
 * refuses the login; TRUE also if it cannot be reached. Blocks for up to 2 s. */
gboolean rd_redis_check_login (const RdRedisUrl *url, GError **error);

/* Returns: (transfer full) (nullable): the value of @name in @info, printable. */
char *rd_redis_info_dup (const char *info, const char *name);
