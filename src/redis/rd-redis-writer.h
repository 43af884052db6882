/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-dedup.h"
#include "rd-redis-outbox.h"
#include "rd-redis.h"

/* Sends the messages of an outbox to Redis in atomic batches. Refused messages are sent again at
 * growing intervals. If the outcome of a batch is unknown, the writer closes the connection;
 * after the reconnection, the bus finds out which messages were stored. */
typedef struct _RdRedisWriter RdRedisWriter;

typedef struct
{
  /* Redis has stored @n more messages. */
  void (*stored) (guint n, gpointer user_data);

  /* The result of rd_redis_writer_get_refusal() has changed. */
  void (*refusal) (gpointer user_data);
} RdRedisWriterEvents;

/* @own: (nullable): list of messages that this node has published; NULL in stream mode. All
 * parameters are unowned and must outlive the writer. */
RdRedisWriter *rd_redis_writer_new (RdRedis *redis,
                                    RdRedisOutbox *outbox,
                                    RdRedisOwn *own,
                                    const RdRedisBusOptions *options,
                                    const RdRedisWriterEvents *events,
                                    gpointer user_data);
void rd_redis_writer_free (RdRedisWriter *writer);

/* Starts sending. Call it only when the connection is up and no message is in flight. */
void rd_redis_writer_start (RdRedisWriter *writer);

/* Finds out in stream mode, without a message, whether Redis accepts messages; the result is that
 * of rd_redis_writer_get_refusal(). In pubsub mode, assumes it. Call it when the connection is up.
 */
void rd_redis_writer_probe (RdRedisWriter *writer);

/* Stops sending; the connection must be down. In stream mode, messages in flight stay in flight. In
 * pubsub mode, they are dropped, since they must not be sent twice. Returns: the number of dropped
 * messages. */
guint rd_redis_writer_stop (RdRedisWriter *writer);

/* Schedules the sending of new messages, which takes place before the main loop sleeps. */
void rd_redis_writer_wake (RdRedisWriter *writer);

/* Returns: (transfer none) (nullable): the error reply with which Redis refuses messages;
 * NULL if it does not refuse them. */
const char *rd_redis_writer_get_refusal (const RdRedisWriter *writer);

/* If @holds is TRUE, sends no further batches; otherwise resumes sending. */
void rd_redis_writer_hold (RdRedisWriter *writer, gboolean holds);

/* Returns: whether no message is in flight. */
gboolean rd_redis_writer_is_idle (const RdRedisWriter *writer);
