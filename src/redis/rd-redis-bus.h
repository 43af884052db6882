/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-bus.h"
#include "rd-redis.h"

/* Joins the nodes that use one Redis database. A message published here is delivered to the clients
 * of this node at once, and to those of other nodes when Redis has it. Messages of other nodes are
 * delivered once, in the order of each sender. rd_redis_stop() is like an outage, but is not logged
 * as a warning.
 *
 * The state is "redis: connected", "redis: catching up", "redis: down since TIME: REASON" or
 * "redis: refuses messages since TIME: REASON", with TIME as in RFC 3339. */
#define RD_TYPE_REDIS_BUS (rd_redis_bus_get_type ())
G_DECLARE_FINAL_TYPE (RdRedisBus, rd_redis_bus, RD, REDIS_BUS, RdBus)

/* @redis: not started; for the same mode. Returns: (transfer full). */
RdBus *rd_redis_bus_new (RdRedis *redis, const RdRedisBusOptions *options);

/* Holds back messages to Redis, or continues. Before a hand-over in pubsub mode: a message in
 * flight could not be sent again. */
void rd_redis_bus_hold (RdRedisBus *self, gboolean holds);

/* Whether no message and no request for the lock is in flight. */
gboolean rd_redis_bus_is_idle (RdRedisBus *self);

/* For a new bus with the name of a node whose sequence numbers are unknown: skips these numbers, as
 * other nodes ignore numbers that they have seen. */
void rd_redis_bus_skip_ahead (RdRedisBus *self);
