/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-bus.h"
#include "rd-redis-bus-options.h"
#include "rd-redis.h"

G_BEGIN_DECLS

/* Joins the workers that use one Redis database. What is published is sent to the clients here at
 * once, and to those of the others as soon as Redis takes it; what the others publish is delivered
 * once, in the order of each sender.
 *
 * Property "state": "redis: connected", "redis: catching up", "redis: down since TIME: REASON" or
 * "redis: refuses messages since TIME: REASON", TIME as in RFC 3339. */
#define RD_TYPE_REDIS_BUS (rd_redis_bus_get_type ())
G_DECLARE_FINAL_TYPE (RdRedisBus, rd_redis_bus, RD, REDIS_BUS, RdBus)

/* @redis: not started; with a follower for RD_REDIS_STREAM. Returns: (transfer full): the bus. */
RdBus *rd_redis_bus_new (RdRedis *redis, const RdRedisBusOptions *options);

/* Sends nothing more, so that soon nothing is under way, which as bare text could not be sent
 * again; or does so again. */
void rd_redis_bus_hold (RdRedisBus *self, gboolean holds);

/* Whether nothing is under way. */
gboolean rd_redis_bus_is_quiet (RdRedisBus *self);

/* For a new bus under the name of a worker whose numbers are not known: else it would not be heard.
 */
void rd_redis_bus_begin_beyond (RdRedisBus *self);

/* Says and hears nothing more, as if the connection had been cut; what waits for its turn goes to
 * the clients here at once, and what is published later waits. No word of it in the log. */
void rd_redis_bus_pause (RdRedisBus *self);

/* Connects again, and goes on as after any absence. */
void rd_redis_bus_resume (RdRedisBus *self);

G_END_DECLS
