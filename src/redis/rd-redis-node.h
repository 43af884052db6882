/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-nodes.h"

#include <hiredis/hiredis.h>

G_BEGIN_DECLS

/* A worker as Redis keeps it: the hash "ringdown:node:<id>" of the fields below, each a text. No
 * I/O. */

/* What is asked for, and answered, in this order. */
#define RD_REDIS_NODE_FIELDS "host", "pid", "instance", "state", "clients", "version"

typedef enum
{
  RD_REDIS_NODE_HERE,
  RD_REDIS_NODE_GONE,    /* there is no such hash any more */
  RD_REDIS_NODE_UNKNOWN, /* whatever this is, it is no worker that we know how to read */
} RdRedisNodeKind;

/* Returns: (transfer full): the id in @member, an element of the set of all ids; NULL: it is none,
 * but what somebody else has put there. */
char *rd_redis_node_parse_id (const redisReply *member);

/* Returns: (transfer full): the key of its hash. */
char *rd_redis_node_dup_key (const char *id);

/* Reads the answer to HMGET of the fields above. @node: (transfer full): set if it is here. */
RdRedisNodeKind rd_redis_node_parse (const char *id, const redisReply *reply, RdNode **node);

G_END_DECLS
