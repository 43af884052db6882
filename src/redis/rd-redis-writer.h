/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-outbox.h"
#include "rd-redis.h"

G_BEGIN_DECLS

/* Empties an outbox into Redis, a batch at a time: all of a batch is stored, in order, or nothing
 * of it. What Redis refuses is offered again, at growing intervals. */
typedef struct _RdRedisWriter RdRedisWriter;

/* What the writer asks and tells. */
typedef struct
{
  /* Sets the words of the command that carries @outgoing; those that stand in the array have room
   * for it. Returns: how many. */
  int (*compose) (const RdRedisOutgoing *outgoing,
                  const char **words,
                  gsize *sizes,
                  gpointer user_data);

  /* All that was taken, @n messages, is stored. */
  void (*stored) (guint n, gpointer user_data);

  /* Nothing of what was taken is stored; it will be taken again. */
  void (*refused) (gpointer user_data);

  /* What rd_redis_writer_get_refusal() tells is another. */
  void (*refusal) (gpointer user_data);
} RdRedisWriterEvents;

/* The most words that compose() may set. */
#define RD_REDIS_WORDS_MAX 16

/* @redis, @outbox and @events: (transfer none), outlive the writer. */
RdRedisWriter *rd_redis_writer_new (RdRedis *redis,
                                    RdRedisOutbox *outbox,
                                    const RdRedisWriterEvents *events,
                                    gpointer user_data);
void rd_redis_writer_free (RdRedisWriter *writer);

/* May write from here on; the connection is up, and nothing is under way. */
void rd_redis_writer_start (RdRedisWriter *writer);

/* The connection is gone. What was under way remains so in the outbox: whether it was stored is not
 * known. */
void rd_redis_writer_stop (RdRedisWriter *writer);

/* There is something to write: it leaves before the main loop sleeps. */
void rd_redis_writer_wake (RdRedisWriter *writer);

/* Returns: (transfer none) (nullable): why Redis does not take messages, in its own words. */
const char *rd_redis_writer_get_refusal (const RdRedisWriter *writer);

/* Sends no further batch while it is held. */
void rd_redis_writer_hold (RdRedisWriter *writer, gboolean holds);

/* Whether all that was sent has been answered. */
gboolean rd_redis_writer_is_idle (const RdRedisWriter *writer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisWriter, rd_redis_writer_free)

G_END_DECLS
