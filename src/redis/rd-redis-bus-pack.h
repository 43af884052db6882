/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-bus.h"
#include "rd-redis-dedup.h"
#include "rd-redis-stream.h"

/* Serializes the bus for a new worker, which continues as the same node. In stream mode no message
 * is missed or delivered twice; in pubsub mode messages that others publish meanwhile are missed,
 * as in any outage. */

/* A #GVariant type: result of rd_redis_bus_pack(). */
#define RD_REDIS_BUS_PACKED_TYPE                                                             \
  "((syss)(xxxs)(bbb)t(ttttttt)" RD_REDIS_OUTBOX_PACKED_TYPE "m" RD_REDIS_STREAM_PACKED_TYPE \
  "m" RD_REDIS_OWN_PACKED_TYPE ")"

/* Serializes @bus, whose connection is stopped. Returns: (transfer floating). */
GVariant *rd_redis_bus_pack (RdRedisBus *bus);

/* Restores @bus, which is new and not started. If it has another server, database, mode or channel,
 * only the sequence numbers are kept: messages that were not stored are dropped, with a warning.
 * Returns: FALSE with %G_IO_ERROR_INVALID_DATA; @bus can not be used then. */
gboolean rd_redis_bus_unpack (RdRedisBus *bus, GVariant *packed, GError **error);

/* For a new worker without Redis: logs how many messages are left behind. Returns: FALSE with
 * %G_IO_ERROR_INVALID_DATA. */
gboolean rd_redis_bus_leave_behind (GVariant *packed, GError **error);
