/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Taking turns: asks for the lock, and keeps the message until it is known who has it. The lock is
 * never given back: it is what tells the others that somebody has sent. When it is time, and what
 * happens to the message, is for others to say. */

#include "rd-redis-turn.h"

#define LOCK_KEY "periodic_broadcast_lock"

/* The lock goes so long before the next time, or half way to a near one. */
#define LOCK_MARGIN_US G_TIME_SPAN_SECOND

struct _RdRedisTurn
{
  RdRedis *redis;                  /* unowned: outlives us */
  char *node;                      /* owned */
  const RdRedisTurnEvents *events; /* unowned: outlives us */
  gpointer user_data;

  GBytes *data; /* owned, nullable: of the message that waits */
  WsOpcode opcode;
};

RdRedisTurn *
rd_redis_turn_new (RdRedis *redis,
                   const char *node,
                   const RdRedisTurnEvents *events,
                   gpointer user_data)
{
  RdRedisTurn *turn = g_new0 (RdRedisTurn, 1);

  turn->redis = redis;
  turn->node = g_strdup (node);
  turn->events = events;
  turn->user_data = user_data;
  return turn;
}

void
rd_redis_turn_free (RdRedisTurn *turn)
{
  g_clear_pointer (&turn->data, g_bytes_unref);
  g_free (turn->node);
  g_free (turn);
}

/* Hands over the message that waits. */
static void
settle (RdRedisTurn *turn, void (*event) (RdMessage *message, gpointer user_data))
{
  g_autoptr (GBytes) data = g_steal_pointer (&turn->data);
  RdMessage message = { .topic = RD_TOPIC_BROADCAST, .opcode = turn->opcode };

  message.data = g_bytes_get_data (data, &message.size);
  event (&message, turn->user_data);
}

static void
on_lock (const redisReply *reply, gpointer user_data)
{
  RdRedisTurn *turn = user_data;

  if (reply->type == REDIS_REPLY_NIL) /* another has it */
    g_clear_pointer (&turn->data, g_bytes_unref);
  else if (reply->type == REDIS_REPLY_STATUS)
    settle (turn, turn->events->ours);
  else
    settle (turn, turn->events->nobodys);
}

void
rd_redis_turn_ask (RdRedisTurn *turn, const RdMessage *message, gint64 interval_us)
{
  const gint64 lock_us = MAX (interval_us - LOCK_MARGIN_US, interval_us / 2);
  char lock_ms[24];

  if (turn->data != NULL)
    return;

  turn->data = g_bytes_new (message->data, message->size);
  turn->opcode = message->opcode;
  if (!rd_redis_is_up (turn->redis))
    {
      settle (turn, turn->events->nobodys);
      return;
    }

  g_snprintf (lock_ms, sizeof lock_ms, "%" G_GINT64_FORMAT, lock_us / 1000);
  rd_redis_call (turn->redis, on_lock, turn, "SET", LOCK_KEY, turn->node, "NX", "PX", lock_ms,
                 NULL);
}

gboolean
rd_redis_turn_is_idle (const RdRedisTurn *turn)
{
  return turn->data == NULL;
}

void
rd_redis_turn_stop (RdRedisTurn *turn)
{
  if (turn->data != NULL)
    settle (turn, turn->events->nobodys);
}
