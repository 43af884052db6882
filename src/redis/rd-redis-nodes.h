/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-nodes.h"
#include "rd-redis.h"

/* The registry of the service's nodes in Redis: announces this node there and reads the others. A
 * node is the hash "ringdown:node:<id>", which expires soon after the node has ended, and an
 * element of the set "ringdown:nodes". While this node drains, "shutdown:<pid>" has the number of
 * its clients, for programs that expect that key; a key that another process has set is left alone,
 * since nodes in containers may have the same process id. */
typedef struct _RdRedisNodes RdRedisNodes;

#define RD_REDIS_NODES_INTERVAL_S 5    /* between announcements */
#define RD_REDIS_NODES_TTL        "15" /* s */
#define RD_REDIS_SHUTDOWN_TTL     "60" /* s */
#define RD_REDIS_NODES_MAX        1000 /* nodes that are read */

/* Starts when @redis is up. The other nodes are put into @nodes; there are none while @redis is
 * down. To be freed when @redis is down or the main loop has ended. */
RdRedisNodes *rd_redis_nodes_new (RdRedis *redis, RdNodes *nodes, RdDrain *drain);
void rd_redis_nodes_free (RdRedisNodes *self);

/* Removes this node from Redis, for good. */
void rd_redis_nodes_leave (RdRedisNodes *self);

/* The hash of a node: the fields to ask for, in this order. */
#define RD_REDIS_NODE_FIELDS "host", "pid", "instance", "state", "clients", "version"

typedef enum
{
  RD_REDIS_NODE_VALID,
  RD_REDIS_NODE_GONE,    /* no such hash */
  RD_REDIS_NODE_INVALID, /* not a node's hash: any program may write these keys */
} RdRedisNodeKind;

/* Returns: (transfer full) (nullable): the node's id in @member, an element of "ringdown:nodes";
 * NULL if it is not an id. */
char *rd_redis_node_parse_id (const redisReply *member);

/* Returns: (transfer full): the key of the node's hash. */
char *rd_redis_node_dup_key (const char *id);

/* Reads the reply to HMGET of the fields above. @node: (out) (transfer full): set if valid. */
RdRedisNodeKind rd_redis_node_parse (const char *id, const redisReply *reply, RdNode **node);
