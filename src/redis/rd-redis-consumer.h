/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-stream.h"
#include "rd-redis.h"

/* Reads the stream. After each connection, reads missed entries first, then new ones. */
typedef struct _RdRedisConsumer RdRedisConsumer;

typedef struct
{
  /* An entry was read. @message: a message of another node; set only for %RD_REDIS_ENTRY_NEW. */
  void (*entry) (RdRedisEntryKind kind, RdMessage *message, gpointer user_data);

  /* Entries were lost or trimmed before this node read them. */
  void (*gap) (const RdRedisGap *gap, gpointer user_data);

  /* The catch-up is complete: all entries that existed at its start were read. */
  void (*caught_up) (gpointer user_data);

  /* Redis has replied. Called only after the catch-up, and then at least every 2 s. */
  void (*heard) (gpointer user_data);
} RdRedisConsumerEvents;

/* All parameters are unowned and must outlive the consumer. */
RdRedisConsumer *rd_redis_consumer_new (RdRedis *redis,
                                        RdRedisStream *stream,
                                        const RdRedisBusOptions *options,
                                        const RdRedisConsumerEvents *events,
                                        gpointer user_data);
void rd_redis_consumer_free (RdRedisConsumer *consumer);

/* Begins to read; the connection must be up. @began_us: monotonic start time of this node; messages
 * published later are delivered. */
void rd_redis_consumer_start (RdRedisConsumer *consumer, gint64 began_us);

/* Stops reading. The owner must call this when the connection has closed. */
void rd_redis_consumer_stop (RdRedisConsumer *consumer);
