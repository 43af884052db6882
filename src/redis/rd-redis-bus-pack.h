/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-bus.h"
#include "rd-redis-dedup.h"
#include "rd-redis-stream.h"

/* Hands over the bus to a new worker, which continues as the same node. In stream mode no message
 * is lost or repeated; in pubsub mode messages of other nodes are missed during the hand-over. */

/* #GVariant type of the result of rd_redis_bus_pack(). */
#define RD_REDIS_BUS_PACKED_TYPE                                                             \
  "((syss)(xxxs)(bbb)t(ttttttt)" RD_REDIS_OUTBOX_PACKED_TYPE "m" RD_REDIS_STREAM_PACKED_TYPE \
  "m" RD_REDIS_OWN_PACKED_TYPE ")"

/* Serializes @bus; rd_redis_stop() must have been called. Returns: (transfer floating). */
GVariant *rd_redis_bus_pack (RdRedisBus *bus);

/* Restores @packed into a newly created @bus that is not started. If the server, the database, the
 * mode or (in pubsub mode) the channel has changed, drops the packed messages with a warning.
 * Returns: TRUE, or FALSE with %G_IO_ERROR_INVALID_DATA if @packed is invalid; then @bus is
 * unusable. */
gboolean rd_redis_bus_unpack (RdRedisBus *bus, GVariant *packed, GError **error);

/* Logs how many messages in @packed are lost because the new worker does not use Redis. Returns:
 * TRUE, or FALSE with %G_IO_ERROR_INVALID_DATA if @packed is invalid. */
gboolean rd_redis_bus_leave_behind (GVariant *packed, GError **error);
