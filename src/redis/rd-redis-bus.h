/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-bus.h"
#include "rd-redis.h"

G_BEGIN_DECLS

/* Joins the workers that use one Redis database. What is published is sent to the clients here at
 * once, and to those of the others as soon as Redis takes it; what the others publish is delivered
 * once, in the order of each sender.
 *
 * Property "state": "redis: connected", "redis: catching up", "redis: down since TIME: REASON" or
 * "redis: refuses messages since TIME: REASON", TIME as in RFC 3339. */
#define RD_TYPE_REDIS_BUS (rd_redis_bus_get_type ())
G_DECLARE_FINAL_TYPE (RdRedisBus, rd_redis_bus, RD, REDIS_BUS, GObject)

typedef enum
{
  RD_REDIS_STREAM, /* by a stream, of which nothing is missed */
  RD_REDIS_PUBSUB, /* by the channel, as bare text: live only */
} RdRedisMode;

typedef struct
{
  RdRedisMode mode;
  const char *node;    /* our name among the workers: unique, printable ASCII */
  const char *channel; /* what others publish there reaches the clients here */
  guint64 history;     /* how many messages the stream keeps, roughly */
  gsize buffer_size;   /* of what waits for Redis, bytes; past it the oldest are dropped */
  gsize max_message;   /* longer ones of others are dropped, bytes */
  gsize batch_size;    /* how much is read at once, roughly, bytes */

  /* Whether the clients have taken in what they were sent; asked when much is to be read. */
  gboolean (*has_room) (gpointer data);
  gpointer room_data;
} RdRedisBusOptions;

/* @redis: not started; with a follower for RD_REDIS_STREAM. Returns: (transfer full): the bus. */
RdBus *rd_redis_bus_new (RdRedis *redis, const RdRedisBusOptions *options);

G_END_DECLS
