/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-link.h"

#include <glib-object.h>

G_BEGIN_DECLS

/* What each of the connections is for: in RESP2 a subscriber can do nothing else, and who blocks
 * in XREAD makes the others wait. */
typedef enum
{
  RD_REDIS_COMMANDS,
  RD_REDIS_SUBSCRIBER,
  RD_REDIS_CONSUMER,
  RD_REDIS_N_USES,
} RdRedisUse;

/* Our connections to one Redis server, all up or all down. Where one fails all are opened anew, at
 * growing intervals.
 *
 * Signals: "up": all are ready. "down" (const GError *why): they are not any more, or another
 * attempt failed; NULL: they were closed by rd_redis_stop(). "pushed" (const redisReply *): a
 * message to the subscriber. */
#define RD_TYPE_REDIS (rd_redis_get_type ())
G_DECLARE_FINAL_TYPE (RdRedis, rd_redis, RD, REDIS, GObject)

/* @has_consumer: whether to have that connection too. Returns: (transfer full): not connected. */
RdRedis *rd_redis_new (const RdRedisUrl *url, gboolean has_consumer);

/* Connects, and keeps connected from here on. */
void rd_redis_start (RdRedis *self);

/* Closes the connections at once, whatever is under way, and opens none until it is started again.
 */
void rd_redis_stop (RdRedis *self);

gboolean rd_redis_is_up (RdRedis *self);

/* Whether all that was asked on the first connection was answered; TRUE if down. */
gboolean rd_redis_is_idle (RdRedis *self);

/* Returns: (transfer none): where the server is, for people, without the password. */
const char *rd_redis_get_name (RdRedis *self);

/* Returns: (transfer none): as rd_redis_url_dup_place(). */
const char *rd_redis_get_place (RdRedis *self);

/* Gives up the connections, as if they had failed for that reason, and opens them anew. */
void rd_redis_fail (RdRedis *self, const GError *why);

/* Returns: (transfer none) (nullable): a connection; NULL: down. */
RdRedisLink *rd_redis_get_link (RdRedis *self, RdRedisUse use);

/* Sends a command, words that are strings, ended by NULL, on the first connection. Down: no effect,
 * and @func (nullable) is never called. */
void rd_redis_call (RdRedis *self, RdRedisReplyFunc func, gpointer user_data, ...)
  G_GNUC_NULL_TERMINATED;

G_END_DECLS
