/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-bus.h"
#include "rd-redis-echoes.h"
#include "rd-redis-stream.h"

G_BEGIN_DECLS

/* The bus on its way into another process, which goes on as the same worker: under its name, with
 * its numbers, from where it stood. In stream mode nothing is missed by that, and nothing had
 * twice; in pubsub mode, what others publish meanwhile is missed, as always without a connection.
 */

/* A #GVariant type: what rd_redis_bus_pack() makes. */
#define RD_REDIS_BUS_PACKED_TYPE                                                             \
  "((syss)(xxxs)(bbb)t(ttttttt)" RD_REDIS_OUTBOX_PACKED_TYPE "m" RD_REDIS_STREAM_PACKED_TYPE \
  "m" RD_REDIS_ECHOES_PACKED_TYPE ")"

/* Writes down all that is to go on. @bus: paused. Returns: (transfer floating). */
GVariant *rd_redis_bus_pack (RdRedisBus *bus);

/* The name that the worker keeps: whoever takes it over without its numbers is not heard any more.
 * Returns: (transfer full): NULL if no worker can be called so. */
char *rd_redis_bus_dup_packed_node (GVariant *packed);

/* Has @bus, which is new, and so is its Redis, go on there. If that is another server, database,
 * mode or channel than it was, only the numbers go on: what was not stored is left behind, counted,
 * and said in the log. Returns: FALSE with %G_IO_ERROR_INVALID_DATA; @bus is of no use then. */
gboolean rd_redis_bus_unpack (RdRedisBus *bus, GVariant *packed, GError **error);

/* For a successor without Redis: says in the log what is left behind. Returns: FALSE with an error
 * as above. */
gboolean rd_redis_bus_leave_behind (GVariant *packed, GError **error);

G_END_DECLS
