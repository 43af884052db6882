/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "redis-replies.h"

/* Model of a Redis server with one stream and a simulated clock. */
typedef struct
{
  guint64 history;  /* approximate number of entries to keep; 0: all */
  gint64 behind_ms; /* delay of the server's clock */
  GArray *entries;  /* ModelEntry, owned: all that were ever added */
  guint first;      /* index of the first that was not trimmed */
  WsId last;
} RedisModel;

typedef struct
{
  guint sender;
  guint64 sequence; /* 0: not a message */
  guint64 number;   /* text of the message */
  WsId id;
  gint64 added_ms;
} ModelEntry;

RedisModel *redis_model_new (guint64 history);
void redis_model_free (RedisModel *redis);

/* Adds entries, as EXEC does. @batch: element-type ModelEntry. */
void redis_model_add (RedisModel *redis, const GArray *batch, gint64 now_ms);

/* Restarts without the entries that were added after @kept_ms. */
void redis_model_restart (RedisModel *redis, gint64 kept_ms);

/* Returns: (transfer full): the reply to XINFO STREAM. */
redisReply *redis_model_info (const RedisModel *redis);

/* Returns: (transfer full) (nullable): the reply to XREAD, with at most @count entries after
 * @position; NULL: none. */
redisReply *redis_model_read (const RedisModel *redis, const char *position, guint count);

/* Parses "<ms>-<seq>". */
WsId redis_model_parse_id (const char *text);

char *model_sender_name (guint sender);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RedisModel, redis_model_free)
