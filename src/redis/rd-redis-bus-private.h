/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-bus.h"
#include "rd-redis-consumer.h"
#include "rd-redis-dedup.h"
#include "rd-redis-writer.h"

/* Instance data of #RdRedisBus, shared by the rd-redis-bus-*.c files. */

#define RD_REDIS_BUS_REASON_MAX_CHARS 200

typedef enum
{
  RD_REDIS_BUS_DOWN,
  RD_REDIS_BUS_CATCHING_UP,
  RD_REDIS_BUS_CONNECTED,
  RD_REDIS_BUS_REFUSED, /* connected, but Redis refuses messages or other commands */
} RdRedisBusState;

/* Uses of Redis other than sending and receiving messages. */
typedef enum
{
  RD_REDIS_BUS_REGISTRY, /* the list of nodes */
  RD_REDIS_BUS_LOCK,     /* the lock for periodic messages */
  RD_REDIS_BUS_N_NEEDS,
} RdRedisBusNeed;

struct _RdRedisBus
{
  RdBus parent_instance;

  RdRedis *redis;            /* owned */
  RdRedisBusOptions options; /* its strings are owned */

  RdRedisOutbox *outbox;     /* owned */
  RdRedisWriter *writer;     /* owned */
  RdRedisStream *stream;     /* owned; NULL in pubsub mode */
  RdRedisConsumer *consumer; /* owned; NULL in pubsub mode */
  RdRedisOwn *own;           /* owned; NULL in stream mode */

  GBytes *lock_data;    /* owned: message waiting for the lock; NULL: none */
  WsOpcode lock_opcode; /* opcode of the message in lock_data */

  char *refusals[RD_REDIS_BUS_N_NEEDS]; /* owned: last error replies; NULL: no error */

  gint64 began_us; /* monotonic: start time of this node; entries added later are delivered */
  RdRedisBusState state;
  char *reason;    /* owned; NULL: the state has no reason */
  gint64 since_us; /* since 1970: start of the state; during an outage, start of the outage */
  gint64 down_us;  /* monotonic: start of the outage; -1: no outage */

  /* If TRUE, the warning was logged and is not repeated until the field is reset. */
  gboolean is_outage_logged;   /* reset when connected */
  gboolean is_denial_logged;   /* warning that this server cannot be used; reset when connected */
  gboolean is_drop_logged;     /* reset when no message waits for Redis */
  gboolean is_oversize_logged; /* reset when connected */
  RdBusStats stats;
};

gboolean rd_redis_bus_state_is_down (RdRedisBusState state);

/* Sets the state and its reason (nullable), and emits "state-changed" after a change. A change
 * during an outage keeps the start time of the outage. */
void rd_redis_bus_set_state (struct _RdRedisBus *self, RdRedisBusState state, const char *reason);

/* Sets the state of a working connection: connected, or refused with the first reason. */
void rd_redis_bus_set_state_up (struct _RdRedisBus *self);

/* Stores the outcome of a command that @need requires, and logs a change. @refusal: (nullable): the
 * error reply. */
void rd_redis_bus_set_refusal (struct _RdRedisBus *self, RdRedisBusNeed need, const char *refusal);

/* Returns: (transfer full): the text of rd_bus_dup_state(). */
char *rd_redis_bus_dup_state (RdBus *bus);
