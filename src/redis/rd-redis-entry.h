/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-log.h"

#include <hiredis/hiredis.h>

G_BEGIN_DECLS

#define RD_REDIS_NODE_MAX 64 /* bytes: the longest name of a sender */

/* A message in the stream; the pointers lead into the reply. */
typedef struct
{
  const char *node;
  guint64 sequence; /* from 1 on */
  WsOpcode opcode;  /* text or binary */
  const guint8 *data;
  gsize size;
} RdRedisEntry;

/* The stream as a whole, as XINFO STREAM tells of it. */
typedef struct
{
  guint64 length;
  WsId first; /* the oldest entry; 0-0: there is none */
  WsId last;  /* the newest one that there ever was; 0-0: none */
  gboolean has_added;
  guint64 added; /* how many there ever were; since Redis 7 */
  guint64 cut;   /* how many of them are gone; since Redis 7 */
} RdRedisStreamInfo;

/* Whether a sender can be called that, @size bytes: printable ASCII. */
gboolean rd_redis_node_is_name (const char *name, gsize size);

/* Reads the id of an entry, [id, …]. Returns: FALSE if it is none. */
gboolean rd_redis_entry_parse_id (const redisReply *reply, WsId *id);

/* Reads what else is in the entry, [id, [field, value, …]]: "node" (printable ASCII), "seq", and
 * "text" (UTF-8) or "binary", in any order. Returns: FALSE if it is not that, or more than that. */
gboolean rd_redis_entry_parse (const redisReply *reply, RdRedisEntry *entry);

/* Returns: the size of all that is in an entry, whatever it is, bytes. */
gsize rd_redis_entry_get_size (const redisReply *reply);

/* Reads the reply to XINFO STREAM; "ERR no such key" is an empty stream. Returns: FALSE if it is no
 * such reply. */
gboolean rd_redis_stream_info_parse (const redisReply *reply, RdRedisStreamInfo *info);

G_END_DECLS
