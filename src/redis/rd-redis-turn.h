/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-bus.h"
#include "rd-redis.h"

G_BEGIN_DECLS

/* Messages that every worker has at regular intervals, and one of them sends each time: the one
 * that gets the lock, the key "periodic_broadcast_lock" (SET NX), which goes by itself before the
 * next time. */
typedef struct _RdRedisTurn RdRedisTurn;

typedef struct
{
  /* It is our turn: for everybody. */
  void (*ours) (RdMessage *message, gpointer user_data);

  /* Nobody can say whose turn it is, as Redis is away: for the clients here. */
  void (*nobodys) (RdMessage *message, gpointer user_data);
} RdRedisTurnEvents;

/* @redis and @events: (transfer none), outlive the turn; @node: the lock's value. */
RdRedisTurn *rd_redis_turn_new (RdRedis *redis,
                                const char *node,
                                const RdRedisTurnEvents *events,
                                gpointer user_data);
void rd_redis_turn_free (RdRedisTurn *turn);

/* It is time for @message, and will be again after @interval_us. Left out while it is not known yet
 * whose turn the last one was. */
void rd_redis_turn_ask (RdRedisTurn *turn, const RdMessage *message, gint64 interval_us);

/* Whether no answer is waited for. */
gboolean rd_redis_turn_is_idle (const RdRedisTurn *turn);

/* The connection is gone. */
void rd_redis_turn_stop (RdRedisTurn *turn);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisTurn, rd_redis_turn_free)

G_END_DECLS
