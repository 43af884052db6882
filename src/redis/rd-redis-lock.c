/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The lock for periodic messages, and the message that waits for it. */

#include "rd-redis-lock.h"

#define LOCK_KEY "periodic_broadcast_lock"

/* The lock expires this long before the next message, or after half of a shorter interval. */
#define LOCK_MARGIN_US G_TIME_SPAN_SECOND

struct _RdRedisLock
{
  RdRedis *redis; /* unowned: outlives us */
  char *node;     /* owned */
  RdRedisLockFunc func;
  gpointer user_data; /* unowned */

  GBytes *data; /* owned: of the message that waits; NULL: none */
  WsOpcode opcode;
};

RdRedisLock *
rd_redis_lock_new (RdRedis *redis, const char *node, RdRedisLockFunc func, gpointer user_data)
{
  RdRedisLock *lock = g_new0 (RdRedisLock, 1);

  lock->redis = redis;
  lock->node = g_strdup (node);
  lock->func = func;
  lock->user_data = user_data;
  return lock;
}

void
rd_redis_lock_free (RdRedisLock *lock)
{
  g_clear_pointer (&lock->data, g_bytes_unref);
  g_free (lock->node);
  g_free (lock);
}

/* Passes the waiting message on. */
static void
finish (RdRedisLock *lock, gboolean is_acquired)
{
  g_autoptr (GBytes) data = g_steal_pointer (&lock->data);
  RdMessage message = { .topic = RD_TOPIC_BROADCAST, .opcode = lock->opcode };

  message.data = g_bytes_get_data (data, &message.size);
  lock->func (&message, is_acquired, lock->user_data);
}

static void
on_reply (const redisReply *reply, gpointer user_data)
{
  RdRedisLock *lock = user_data;

  if (reply->type == REDIS_REPLY_NIL) /* another node has it */
    g_clear_pointer (&lock->data, g_bytes_unref);
  else
    finish (lock, reply->type == REDIS_REPLY_STATUS);
}

void
rd_redis_lock_acquire (RdRedisLock *lock, const RdMessage *message, gint64 interval_us)
{
  const gint64 lock_us = MAX (interval_us - LOCK_MARGIN_US, interval_us / 2);
  g_autofree char *lock_ms = g_strdup_printf ("%" G_GINT64_FORMAT, lock_us / 1000);

  if (lock->data != NULL)
    return;

  lock->data = g_bytes_new (message->data, message->size);
  lock->opcode = message->opcode;
  if (rd_redis_is_up (lock->redis))
    rd_redis_call (lock->redis, on_reply, lock, "SET", LOCK_KEY, lock->node, "NX", "PX", lock_ms,
                   NULL);
  else
    finish (lock, FALSE);
}

gboolean
rd_redis_lock_is_idle (const RdRedisLock *lock)
{
  return lock->data == NULL;
}

void
rd_redis_lock_abort (RdRedisLock *lock)
{
  if (lock->data != NULL)
    finish (lock, FALSE);
}
