/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-nodes.h"
#include "rd-redis.h"

G_BEGIN_DECLS

/* The workers of the service in Redis: announces this one there, and reads who the others are. A
 * worker is the hash "ringdown:node:<id>", which is gone some seconds after the worker is, and an
 * element of the set "ringdown:nodes". While this one drains, "shutdown:<pid>" holds the number of
 * its clients, as other programs of the fleet expect. */
typedef struct _RdRedisNodes RdRedisNodes;

/* Announced and read so often; missed after so long. */
#define RD_REDIS_NODES_BEAT_S 5
#define RD_REDIS_NODES_TTL    "15" /* s */
#define RD_REDIS_SHUTDOWN_TTL "60" /* s */

/* Of more workers, so many are read. */
#define RD_REDIS_NODES_MAX 1000

/* Begins when @redis is up. @nodes: who this is, and where the others are put; without Redis there
 * are none. Freed when @redis is down, or the main loop has ended: replies may be on their way. */
RdRedisNodes *rd_redis_nodes_new (RdRedis *redis, RdNodes *nodes, RdDrain *drain);
void rd_redis_nodes_free (RdRedisNodes *self);

/* Takes this worker out of Redis, and says nothing there from then on. */
void rd_redis_nodes_leave (RdRedisNodes *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisNodes, rd_redis_nodes_free)

G_END_DECLS
