/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-bus.h"
#include "rd-redis.h"

/* Connects the nodes that use the same Redis database. When a node publishes a message, the node's
 * own clients receive it at once, and clients of other nodes receive it through Redis. Messages of
 * another node are delivered once, in the order in which that node published them. rd_redis_stop()
 * has the effect of an outage, but logs no warning.
 *
 * rd_bus_dup_state() returns "redis: connected", "redis: catching up", "redis: down since TIME:
 * REASON", "redis: refuses messages since TIME: REASON" or "redis: refuses commands since TIME:
 * REASON"; TIME has the format of RFC 3339. */
#define RD_TYPE_REDIS_BUS (rd_redis_bus_get_type ())
G_DECLARE_FINAL_TYPE (RdRedisBus, rd_redis_bus, RD, REDIS_BUS, RdBus)

/* @redis: must not be started yet, and must have the mode in @options. Returns: (transfer full). */
RdBus *rd_redis_bus_new (RdRedis *redis, const RdRedisBusOptions *options);

/* If @holds is TRUE, stops sending messages to Redis; otherwise resumes sending. Needed before a
 * hand-over in pubsub mode, where a message in flight must not be sent again. */
void rd_redis_bus_hold (RdRedisBus *self, gboolean holds);

/* Returns: whether no message is in flight and no request for the lock is pending. */
gboolean rd_redis_bus_is_idle (RdRedisBus *self);

/* Skips all sequence numbers that an earlier node of the same name may have used. Needed if these
 * numbers are unknown, since other nodes ignore messages with numbers already used. */
void rd_redis_bus_skip_ahead (RdRedisBus *self);
