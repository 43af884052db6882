/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "redis-replies.h"

G_BEGIN_DECLS

/* A Redis server as far as a stream goes, on a clock of the test's own. */
typedef struct
{
  guint64 history;  /* entries to keep, roughly; 0: all */
  gint64 behind_ms; /* how far the server's clock is behind */
  GArray *entries;  /* ModelEntry, owned: all that were ever added, trimmed ones too */
  guint first;      /* index of the first that is there */
  WsId last;
} RedisModel;

typedef struct
{
  guint sender;
  guint64 sequence; /* 0: no message of a worker */
  guint64 number;   /* what the message says */
  WsId id;
  gint64 added_ms;
} ModelEntry;

RedisModel *redis_model_new (guint64 history);
void redis_model_free (RedisModel *redis);

/* Adds entries at once, as EXEC does. @batch: element-type ModelEntry. */
void redis_model_add (RedisModel *redis, const GArray *batch, gint64 now_ms);

/* Dies and comes back without what was added after @kept_ms. */
void redis_model_restart (RedisModel *redis, gint64 kept_ms);

/* Answers XINFO STREAM. Returns: (transfer full). */
redisReply *redis_model_info (const RedisModel *redis);

/* Answers XREAD. Returns: (transfer full): at most @count entries behind @position; NULL: none. */
redisReply *redis_model_read (const RedisModel *redis, const char *position, guint count);

/* Parses "<ms>-<seq>". */
WsId redis_model_parse_id (const char *text);

char *model_sender_name (guint sender);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RedisModel, redis_model_free)

G_END_DECLS
