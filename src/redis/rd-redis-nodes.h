/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-nodes.h"
#include "rd-redis.h"

/* Registry of nodes in Redis: registers this node and reads the other nodes. Each node is a member
 * of the set "ringdown:nodes" and has a hash "ringdown:node:<id>", which expires soon after the
 * node has ended. While this node drains, the key "shutdown:<pid>" contains its client count, for
 * programs that expect this key. If another process has set the key, its value is kept, since nodes
 * in different containers may have the same process id. */
typedef struct _RdRedisNodes RdRedisNodes;

#define RD_REDIS_NODES_INTERVAL_S 5    /* time between two updates of the registry, in seconds */
#define RD_REDIS_NODES_TTL        "15" /* lifetime of the Redis hash of a node, in seconds */
#define RD_REDIS_SHUTDOWN_TTL     "60" /* lifetime of the key "shutdown:<pid>", in seconds */
#define RD_REDIS_NODES_MAX        1000 /* maximum number of nodes to read */

/* The registry starts when @redis is up. It puts the other nodes into @nodes, and removes them when
 * @redis goes down. It may be freed only while @redis is down or after the main loop has ended. */
RdRedisNodes *rd_redis_nodes_new (RdRedis *redis, RdNodes *nodes, RdDrain *drain);
void rd_redis_nodes_free (RdRedisNodes *self);

/* Stops all updates and removes this node from Redis. */
void rd_redis_nodes_leave (RdRedisNodes *self);

/* Fields of the hash of a node, in the order that rd_redis_node_parse() expects. */
#define RD_REDIS_NODE_FIELDS "host", "pid", "instance", "state", "clients", "version"

typedef enum
{
  RD_REDIS_NODE_VALID,
  RD_REDIS_NODE_GONE,    /* the hash does not exist */
  RD_REDIS_NODE_INVALID, /* malformed: any program can write these keys */
} RdRedisNodeKind;

/* Parses a member of the set "ringdown:nodes". Returns: (transfer full) (nullable): the node id;
 * NULL if @member is not a valid id. */
char *rd_redis_node_parse_id (const redisReply *member);

/* Returns: (transfer full): the key of the hash of the node @id. */
char *rd_redis_node_dup_key (const char *id);

/* Parses the reply to HMGET. @node (out) (transfer full): set only for %RD_REDIS_NODE_VALID. */
RdRedisNodeKind rd_redis_node_parse (const char *id, const redisReply *reply, RdNode **node);
