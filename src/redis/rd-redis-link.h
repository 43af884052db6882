/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-protocol.h"
#include "rd-redis-url.h"

#include <gio/gio.h>

/* One connection to a Redis server, with the login. It does not reconnect. */
typedef struct _RdRedisLink RdRedisLink;

/* A server that stops answering is noticed within probe_ms and answer_ms together. */
typedef struct
{
  guint connect_ms; /* to resolve the name and connect */
  guint probe_ms;   /* without input, until PING is sent */
  guint answer_ms;  /* without input after PING, until the link fails */
} RdRedisTimeouts;

/* Called from the main loop; each may free the link. */
typedef struct
{
  /* Connected, logged in, and ready for commands. */
  void (*ready) (gpointer user_data);

  /* The link is closed: pending commands get no reply. @error: %RD_REDIS_ERROR, %G_IO_ERROR or
   * %G_RESOLVER_ERROR; one line, without the address. */
  void (*failed) (const GError *error, gpointer user_data);

  /* Nullable: a message to a subscriber (https://redis.io/docs/manual/pubsub). */
  void (*pushed) (const redisReply *message, gpointer user_data);
} RdRedisLinkEvents;

/* @reply: (transfer none), may be an error reply. Never called for a link that failed. */
typedef void (*RdRedisReplyFunc) (const redisReply *reply, gpointer user_data);

/* Starts to connect, in the thread-default main context. @timeouts: nullable: 5 s, 2 s and 6 s.
 * @url,
 * @events: unowned: outlive the link. */
RdRedisLink *rd_redis_link_new (const RdRedisUrl *url,
                                const RdRedisTimeouts *timeouts,
                                const RdRedisLinkEvents *events,
                                gpointer user_data);

/* Closes the link at once. An attempt to connect is cancelled, and released when the main context
 * runs next. */
void rd_redis_link_free (RdRedisLink *link);

/* Sends a command; all commands of one main loop iteration are sent together, in order. Commands
 * that the server does not read yet are kept, without a limit. Only for a link that is ready and
 * not a subscriber; no effect once it has failed, or if it is NULL.
 * @argv: @argc words. @sizes: the size of each, bytes; NULL: they are strings. @func: nullable. */
void rd_redis_link_call (RdRedisLink *link,
                         RdRedisReplyFunc func,
                         gpointer user_data,
                         int argc,
                         const char *const *argv,
                         const gsize *sizes);

/* Likewise, for words that are strings, ended by NULL. */
void rd_redis_link_call_words (RdRedisLink *link, RdRedisReplyFunc func, gpointer user_data, ...)
  G_GNUC_NULL_TERMINATED;

/* Subscribes to @channel: from now on every reply is pushed, the confirmation ("subscribe",
 * channel, count) first, but not the answers to PING. The link fails if the server refuses. */
void rd_redis_link_subscribe (RdRedisLink *link, const char *channel);

/* Returns: whether every command has its reply. */
gboolean rd_redis_link_is_idle (const RdRedisLink *link);
