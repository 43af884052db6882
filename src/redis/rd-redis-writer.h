/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-outbox.h"
#include "rd-redis.h"

G_BEGIN_DECLS

/* Sends the messages of an outbox to Redis, in batches of which all is stored or nothing. Refused
 * messages are sent again at growing intervals. After an unknown outcome the connection is failed,
 * so that its owner can find out what was stored. */
typedef struct _RdRedisWriter RdRedisWriter;

#define RD_REDIS_WORDS_MAX 16

typedef struct
{
  /* Sets the words of the command for @outgoing, at most %RD_REDIS_WORDS_MAX. Returns: how many. */
  int (*compose) (const RdRedisOutgoing *outgoing,
                  const char **words,
                  gsize *sizes,
                  gpointer user_data);

  /* All @n messages in flight are stored. */
  void (*stored) (guint n, gpointer user_data);

  /* No message in flight is stored; they will be composed again. */
  void (*refused) (gpointer user_data);

  /* rd_redis_writer_get_refusal() has changed. */
  void (*refusal) (gpointer user_data);
} RdRedisWriterEvents;

/* @redis, @outbox and @events: (transfer none), outlive the writer. */
RdRedisWriter *rd_redis_writer_new (RdRedis *redis,
                                    RdRedisOutbox *outbox,
                                    const RdRedisWriterEvents *events,
                                    gpointer user_data);
void rd_redis_writer_free (RdRedisWriter *writer);

/* To be called when the connection is up and no message is in flight. */
void rd_redis_writer_start (RdRedisWriter *writer);

/* To be called when the connection is down. Messages stay in flight in the outbox. */
void rd_redis_writer_stop (RdRedisWriter *writer);

/* Sends new messages before the main loop sleeps. */
void rd_redis_writer_wake (RdRedisWriter *writer);

/* Returns: (transfer none) (nullable): the error reply with which Redis refuses messages. */
const char *rd_redis_writer_get_refusal (const RdRedisWriter *writer);

/* Holds back further batches, or continues. */
void rd_redis_writer_hold (RdRedisWriter *writer, gboolean holds);

/* Whether no message is in flight. */
gboolean rd_redis_writer_is_idle (const RdRedisWriter *writer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisWriter, rd_redis_writer_free)

G_END_DECLS
