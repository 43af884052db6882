/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-url.h"

#include <gio/gio.h>
#include <hiredis/hiredis.h>

G_BEGIN_DECLS

/* One connection to a Redis server, from the first attempt to its end; it is not opened again. */
typedef struct _RdRedisLink RdRedisLink;

#define RD_REDIS_ERROR (rd_redis_error_quark ())

typedef enum
{
  RD_REDIS_ERROR_REFUSED,  /* user, password or database: will not go away by itself */
  RD_REDIS_ERROR_REPLY,    /* the server answered the greeting with another error: LOADING, … */
  RD_REDIS_ERROR_SILENT,   /* nothing came for %RD_REDIS_SILENCE_S seconds */
  RD_REDIS_ERROR_PROTOCOL, /* what came is no Redis protocol */
  RD_REDIS_ERROR_TOO_BIG,  /* a reply of more than %RD_REDIS_REPLY_MAX bytes */
} RdRedisError;

GQuark rd_redis_error_quark (void);

/* A silent connection is asked with PING after 2 s, and given up after this time. */
#define RD_REDIS_SILENCE_S 8
#define RD_REDIS_REPLY_MAX (64 << 20) /* bytes */

/* What the link tells, always from the main loop; each may free it. */
typedef struct
{
  /* Connected, let in, and ready for commands. */
  void (*ready) (gpointer user_data);

  /* It is over: no reply will come any more. Errors are those above and %G_IO_ERROR and
   * %G_RESOLVER_ERROR; the message is one line without the address. */
  void (*failed) (const GError *error, gpointer user_data);

  /* Nullable: what came that is the answer to nothing: to a subscriber (https://redis.io: Pub/Sub). */
  void (*pushed) (const redisReply *message, gpointer user_data);
} RdRedisLinkEvents;

/* @reply: (transfer none), may be an error reply. Never called for a link that failed. */
typedef void (*RdRedisReplyFunc) (const redisReply *reply, gpointer user_data);

/* Begins to connect, with the thread-default main context. @url: unowned, copied if needed later.
 * @events: (transfer none), outlives the link. */
RdRedisLink *rd_redis_link_new (const RdRedisUrl *url,
                                const RdRedisLinkEvents *events,
                                gpointer user_data);
void rd_redis_link_free (RdRedisLink *link);

/* Sends a command; commands of one turn of the main loop leave together, in order.
 * @argv: @argc words; @sizes: of each, bytes; NULL: they are strings. @func: nullable: the reply
 * does not matter. Only when ready; once it failed, no effect. A command that makes the link a
 * subscriber is answered by a push, and has no reply: give it with @func NULL to
 * rd_redis_link_subscribe(). */
void rd_redis_link_call (RdRedisLink *link,
                         RdRedisReplyFunc func,
                         gpointer user_data,
                         int argc,
                         const char *const *argv,
                         const gsize *sizes);

/* As above, for words that are strings, ended by NULL. */
void rd_redis_link_call_words (RdRedisLink *link,
                               RdRedisReplyFunc func,
                               gpointer user_data,
                               ...) G_GNUC_NULL_TERMINATED;

/* Makes the link a subscriber to @channel: from here on all that comes is pushed, its confirmation
 * ("subscribe", channel, count) first, answers to our own PING left out. */
void rd_redis_link_subscribe (RdRedisLink *link, const char *channel);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisLink, rd_redis_link_free)

G_END_DECLS
