/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-dedup.h"
#include "rd-redis-outbox.h"
#include "rd-redis.h"

/* Sends the messages of an outbox to Redis, in batches of which all is stored or nothing. Refused
 * messages are sent again at growing intervals. After an unknown outcome the connection is failed,
 * so that its owner can find out what was stored. */
typedef struct _RdRedisWriter RdRedisWriter;

typedef struct
{
  /* @n messages are stored. */
  void (*stored) (guint n, gpointer user_data);

  /* rd_redis_writer_get_refusal() has changed. */
  void (*refusal) (gpointer user_data);
} RdRedisWriterEvents;

/* @own: list of own publishes, for pubsub mode, else NULL. All parameters: (transfer none), outlive
 * the writer. */
RdRedisWriter *rd_redis_writer_new (RdRedis *redis,
                                    RdRedisOutbox *outbox,
                                    RdRedisOwn *own,
                                    const RdRedisBusOptions *options,
                                    const RdRedisWriterEvents *events,
                                    gpointer user_data);
void rd_redis_writer_free (RdRedisWriter *writer);

/* To be called when the connection is up and no message is in flight. */
void rd_redis_writer_start (RdRedisWriter *writer);

/* To be called when the connection is down. Messages stay in flight in the outbox; in pubsub mode
 * they are dropped, as they must not be sent twice. Returns: how many were dropped. */
guint rd_redis_writer_stop (RdRedisWriter *writer);

/* Sends new messages before the main loop sleeps. */
void rd_redis_writer_wake (RdRedisWriter *writer);

/* Returns: (transfer none) (nullable): the error reply with which Redis refuses messages. */
const char *rd_redis_writer_get_refusal (const RdRedisWriter *writer);

/* Holds back further batches, or continues. */
void rd_redis_writer_hold (RdRedisWriter *writer, gboolean holds);

/* Whether no message is in flight. */
gboolean rd_redis_writer_is_idle (const RdRedisWriter *writer);
