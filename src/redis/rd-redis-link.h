/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-error.h"
#include "rd-redis-url.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* One connection to a Redis server, from the first attempt to its end; it is not opened again. */
typedef struct _RdRedisLink RdRedisLink;

#define RD_REDIS_CONNECT_S 5
#define RD_REDIS_PROBE_S   2
#define RD_REDIS_ANSWER_S  6

/* For how long a link waits. Whoever fell silent is noticed after probe_ms and answer_ms. */
typedef struct
{
  guint connect_ms; /* for the name to be found and the server to be reached */
  guint probe_ms;   /* of silence, until the server is asked with PING */
  guint answer_ms;  /* from then on, until it is given up */
} RdRedisPatience;

/* What the link tells, always from the main loop; each may free it. */
typedef struct
{
  /* Connected, let in, and ready for commands. */
  void (*ready) (gpointer user_data);

  /* It is over: no reply will come any more. Errors are %RD_REDIS_ERROR, %G_IO_ERROR and
   * %G_RESOLVER_ERROR; the message is one line without the address. */
  void (*failed) (const GError *error, gpointer user_data);

  /* Nullable: what came to a subscriber (https://redis.io/docs/manual/pubsub). */
  void (*pushed) (const redisReply *message, gpointer user_data);
} RdRedisLinkEvents;

/* @reply: (transfer none), may be an error reply. Never called for a link that failed. */
typedef void (*RdRedisReplyFunc) (const redisReply *reply, gpointer user_data);

/* Begins to connect, in the thread-default main context, with the patience above. @url: unowned.
 * @events: unowned: outlives the link. */
RdRedisLink *rd_redis_link_new (const RdRedisUrl *url,
                                const RdRedisLinkEvents *events,
                                gpointer user_data);
RdRedisLink *rd_redis_link_new_with_patience (const RdRedisUrl *url,
                                              const RdRedisPatience *patience,
                                              const RdRedisLinkEvents *events,
                                              gpointer user_data);

/* At once, whatever is under way; an attempt to connect that this cuts off is cleared up when the
 * main context runs next. */
void rd_redis_link_free (RdRedisLink *link);

/* Sends a command; commands of one turn of the main loop leave together, in order. What the server
 * does not take yet is kept, without a bound.
 * @argv: @argc words; @sizes: of each, bytes; NULL: they are strings. @func: nullable: the reply
 * does not matter. Only when ready, and not to a subscriber; once it failed, no effect. */
void rd_redis_link_call (RdRedisLink *link,
                         RdRedisReplyFunc func,
                         gpointer user_data,
                         int argc,
                         const char *const *argv,
                         const gsize *sizes);

/* As above, for words that are strings, ended by NULL. */
void rd_redis_link_call_words (RdRedisLink *link, RdRedisReplyFunc func, gpointer user_data, ...)
  G_GNUC_NULL_TERMINATED;

/* As above, with the words in @words. */
void rd_redis_link_call_valist (RdRedisLink *link,
                                RdRedisReplyFunc func,
                                gpointer user_data,
                                va_list words);

/* Makes the link a subscriber to @channel: from here on all that comes is pushed, its confirmation
 * ("subscribe", channel, count) first, answers to our own PING left out. A refusal is a failure. */
void rd_redis_link_subscribe (RdRedisLink *link, const char *channel);

/* Whether all that was asked was answered. */
gboolean rd_redis_link_is_idle (const RdRedisLink *link);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisLink, rd_redis_link_free)

G_END_DECLS
