/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-link.h"

G_BEGIN_DECLS

/* Our connections to one Redis server, all up or all down: one for commands, one to subscribe with,
 * and one that may block. Where one fails all are opened anew, at growing intervals.
 *
 * Signals: "up": all are ready. "down": they are not any more. */
#define RD_TYPE_REDIS (rd_redis_get_type ())
G_DECLARE_FINAL_TYPE (RdRedis, rd_redis, RD, REDIS, GObject)

/* Returns: (transfer full): not connected yet. */
RdRedis *rd_redis_new (const RdRedisUrl *url);

/* Tries once, and waits for the outcome, 2 s at most. Returns: FALSE with %RD_REDIS_ERROR_REFUSED
 * if the server is there and does not let us in; a server that is absent, or not ready yet, is no
 * error. */
gboolean rd_redis_try (RdRedis *self, GError **error);

/* Connects, and keeps connected from here on. */
void rd_redis_start (RdRedis *self);

gboolean rd_redis_is_up (RdRedis *self);

/* Gives up the connections, as if they had failed for that reason, and opens them anew. */
void rd_redis_fail (RdRedis *self, const GError *error);

/* What is going on over them goes well: the next failure is retried at once. */
void rd_redis_settle (RdRedis *self);

/* Sends a command on the first connection, as rd_redis_link_call_words(). Down: no effect, and
 * @func is never called. */
void rd_redis_call (RdRedis *self, RdRedisReplyFunc func, gpointer user_data, ...)
  G_GNUC_NULL_TERMINATED;

G_END_DECLS
