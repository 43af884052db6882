/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-protocol.h"
#include "rd-redis-url.h"

#include <gio/gio.h>

/* One connection to a Redis server. It logs in, and does not reconnect after a failure. It fails if
 * the server is a replica or in cluster mode. */
typedef struct _RdRedisLink RdRedisLink;

/* Timeouts. A server that stops responding is detected within probe_ms + answer_ms. */
typedef struct
{
  guint connect_ms; /* time limit for resolving the host name and connecting */
  guint probe_ms;   /* time without input until PING is sent */
  guint answer_ms;  /* longest time without input after PING; then the link fails */
} RdRedisTimeouts;

/* Callbacks, called from the main loop. Each callback may free the link. */
typedef struct
{
  /* The link is connected, logged in and ready for commands. */
  void (*ready) (gpointer user_data);

  /* The link has failed and is closed; pending commands get no reply. @error: %RD_REDIS_ERROR,
   * %G_IO_ERROR or %G_RESOLVER_ERROR; its message is one line. It contains the address of the
   * server only with %RD_REDIS_ERROR_REPLICA and %RD_REDIS_ERROR_CLUSTER. */
  void (*failed) (const GError *error, gpointer user_data);

  /* (nullable) A subscribed link received @message (https://redis.io/docs/manual/pubsub). */
  void (*pushed) (const redisReply *message, gpointer user_data);
} RdRedisLinkEvents;

/* Handles @reply (transfer none), which may be an error. Not called after the link has failed. */
typedef void (*RdRedisReplyFunc) (const redisReply *reply, gpointer user_data);

/* Starts connecting, in the thread-default main context. @timeouts: (nullable); the defaults are
 * connect 5 s, probe 2 s, answer 6 s. @url, @events: unowned; must outlive the link. */
RdRedisLink *rd_redis_link_new (const RdRedisUrl *url,
                                const RdRedisTimeouts *timeouts,
                                const RdRedisLinkEvents *events,
                                gpointer user_data);

/* Closes the link at once and cancels a pending connection attempt. The memory of the attempt is
 * released in the next iteration of the main context. */
void rd_redis_link_free (RdRedisLink *link);

/* Queues a command; all commands queued in one main loop iteration are sent together, in order. The
 * queue has no size limit. Has no effect if @link is NULL or has failed; otherwise @link must be
 * ready and not a subscriber. @func: (nullable). @data: (nullable): the last argument. The other
 * arguments, including the command name, are NUL-terminated; NULL ends the list. */
void rd_redis_link_call (RdRedisLink *link,
                         RdRedisReplyFunc func,
                         gpointer user_data,
                         GBytes *data,
                         ...) G_GNUC_NULL_TERMINATED;

/* Calls rd_redis_link_call() without data. */
#define rd_redis_link_call_words(link, func, user_data, ...) \
  rd_redis_link_call (link, func, user_data, NULL, __VA_ARGS__)

/* Asks for the role of the server (https://redis.io/commands/role). If it is now a replica, the
 * link fails. If the server refuses to tell, nothing happens. */
void rd_redis_link_check_role (RdRedisLink *link);

/* Subscribes to @channel. From then on, pushed() gets all replies except those to PING, beginning
 * with the confirmation ["subscribe", channel, count]. If the server refuses, the link fails. */
void rd_redis_link_subscribe (RdRedisLink *link, const char *channel);

/* Returns: whether no command is waiting for a reply. */
gboolean rd_redis_link_is_idle (const RdRedisLink *link);
