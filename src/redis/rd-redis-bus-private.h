/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-bus.h"
#include "rd-redis-consumer.h"
#include "rd-redis-dedup.h"
#include "rd-redis-writer.h"

/* Instance data of the bus, for rd-redis-bus and rd-redis-bus-pack only. */

#define RD_REDIS_BUS_REASON_MAX_CHARS 200

typedef enum
{
  RD_REDIS_BUS_DOWN,
  RD_REDIS_BUS_CATCHING_UP,
  RD_REDIS_BUS_CONNECTED,
  RD_REDIS_BUS_REFUSED, /* connected, but messages are refused */
} RdRedisBusState;

struct _RdRedisBus
{
  RdBus parent_instance;

  RdRedis *redis;            /* owned */
  RdRedisBusOptions options; /* with owned strings */

  RdRedisOutbox *outbox;     /* owned */
  RdRedisWriter *writer;     /* owned */
  RdRedisStream *stream;     /* owned; NULL in pubsub mode */
  RdRedisConsumer *consumer; /* owned; NULL in pubsub mode */
  RdRedisOwn *own;           /* owned; NULL in stream mode */

  GBytes *lock_data;    /* owned: message that waits for the lock; NULL: none */
  WsOpcode lock_opcode; /* of that message */

  gint64 began_us; /* monotonic: start of this node; later entries are delivered */
  RdRedisBusState state;
  char *reason;    /* owned, nullable */
  gint64 since_us; /* since 1970: begin of the state */
  gint64 down_us;  /* monotonic: begin of the outage; -1: none */

  /* Warnings that were logged, and are not repeated */
  gboolean is_outage_logged;   /* since the last connection */
  gboolean is_denial_logged;   /* since the last connection: login or database refused */
  gboolean is_drop_logged;     /* since the outbox was empty */
  gboolean is_oversize_logged; /* in this connection */
  RdBusStats stats;
};
