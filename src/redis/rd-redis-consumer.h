/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-stream.h"
#include "rd-redis.h"

/* Reads the stream: first the entries that were missed, up to the end, then new ones. */
typedef struct _RdRedisConsumer RdRedisConsumer;

typedef struct
{
  /* @message: only for %RD_REDIS_ENTRY_NEW: a message of another node. */
  void (*entry) (RdRedisEntryKind kind, RdMessage *message, gpointer user_data);

  /* Entries that this node did not get. */
  void (*gap) (const RdRedisGap *gap, gpointer user_data);

  /* All entries that existed when the pass began were read. */
  void (*caught_up) (gpointer user_data);

  /* Redis has replied; after the catch-up, at least every 2 s. */
  void (*heard) (gpointer user_data);
} RdRedisConsumerEvents;

/* All parameters: (transfer none), outlive the consumer. */
RdRedisConsumer *rd_redis_consumer_new (RdRedis *redis,
                                        RdRedisStream *stream,
                                        const RdRedisBusOptions *options,
                                        const RdRedisConsumerEvents *events,
                                        gpointer user_data);
void rd_redis_consumer_free (RdRedisConsumer *consumer);

/* Begins a pass; the connection is up. @began_us: start of this node, monotonic: later entries are
 * delivered. */
void rd_redis_consumer_start (RdRedisConsumer *consumer, gint64 began_us);

/* To be called when the connection is down. */
void rd_redis_consumer_stop (RdRedisConsumer *consumer);
