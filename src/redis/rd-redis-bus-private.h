/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-bus.h"
#include "rd-redis-bus-options.h"
#include "rd-redis-echoes.h"
#include "rd-redis-follower.h"
#include "rd-redis-turn.h"
#include "rd-redis-writer.h"

G_BEGIN_DECLS

/* The inside of the bus: for rd-redis-bus, which lives there, and rd-redis-bus-pack, which takes it
 * from one process to another. */

#define RD_REDIS_BUS_REASON_MAX_CHARS 200

typedef enum
{
  RD_REDIS_BUS_DOWN,
  RD_REDIS_BUS_CATCHING_UP,
  RD_REDIS_BUS_CONNECTED,
  RD_REDIS_BUS_REFUSED, /* connected, but messages are not taken */
} RdRedisBusState;

struct _RdRedisBus
{
  RdBus parent_instance;

  RdRedis *redis; /* owned */
  RdRedisBusOptions options;
  char *node;    /* owned; these stand in options */
  char *channel; /* owned */
  char *history; /* owned: the number as text */

  RdRedisOutbox *outbox;     /* owned */
  RdRedisWriter *writer;     /* owned */
  RdRedisStream *stream;     /* owned; NULL in pubsub mode */
  RdRedisFollower *follower; /* owned; NULL in pubsub mode */
  RdRedisEchoes *echoes;     /* owned; NULL in stream mode */
  RdRedisTurn *turn;         /* owned */
  guint64 taken;             /* the sequence of the last message that was composed */
  guint64 answered;          /* that of the last one stored */
  char sequence[24];         /* of the message being composed, as text */

  RdRedisBusState state;
  char *reason;       /* owned, nullable */
  gint64 since_us;    /* since 1970: when the state began */
  gint64 away_us;     /* monotonic: when Redis was lost; 0: it is not */
  gboolean is_missed; /* it is away, and that was said */
  gboolean is_barred; /* it does not let us in, and that was said */
  gboolean is_short;  /* messages were dropped since the outbox was empty last */
  gboolean is_long;   /* messages of others were too long since the connection began */
  RdBusStats stats;
};

G_END_DECLS
