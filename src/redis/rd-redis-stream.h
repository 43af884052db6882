/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-bus.h"

#include <hiredis/hiredis.h>

G_BEGIN_DECLS

/* Where this worker stands in the stream, and what it has had of each sender, so that it takes
 * every message once, in its sender's order, whatever is read again or was stored twice. An entry
 * has the fields "node" (who sent it), "seq" (its number there, from 1 on) and "text" or "binary".
 * No I/O, no clock. */
typedef struct _RdRedisStream RdRedisStream;

/* How many senders are remembered; past it those heard of longest ago are forgotten. */
#define RD_REDIS_SENDERS_MAX 4096

typedef enum
{
  RD_REDIS_TAKE,     /* deliver it */
  RD_REDIS_OWN,      /* we sent it, and delivered it long since */
  RD_REDIS_REPEATED, /* we had it, or it is older than we are here */
  RD_REDIS_FOREIGN,  /* no message of a worker: malformed, or of a newer kind */
} RdRedisEntryKind;

/* What happened to the stream while we were not looking. */
typedef struct
{
  gboolean lost;    /* the server lost data: it is not the stream that we read before */
  gboolean trimmed; /* what we had not read yet was cut off */
  guint64 missed;   /* how many entries that were; 0: the server cannot tell (before Redis 7) */
  WsId deleted;     /* the largest id that was cut off; 0-0: none, or not told */
} RdRedisAway;

/* @node: our own name as a sender. */
RdRedisStream *rd_redis_stream_new (const char *node);
void rd_redis_stream_free (RdRedisStream *stream);

/* Begins a pass over the stream, from the reply to XINFO STREAM (an error reply "ERR no such key":
 * it is empty). The first pass ever begins at its end; a later one where we were, or at @kept_after
 * (nullable) if that is older; if the server lost data, at the very beginning. */
void rd_redis_stream_resume (RdRedisStream *stream,
                             const redisReply *info,
                             const WsId *kept_after,
                             RdRedisAway *away);

/* The id to read behind, as XREAD takes it. */
void rd_redis_stream_format_position (const RdRedisStream *stream, char out[WS_ID_STRING_SIZE]);

/* Takes an entry, [id, [field, value, …]], as XREAD returns it, and moves on behind it. @message:
 * set for RD_REDIS_TAKE; points into @entry. */
RdRedisEntryKind rd_redis_stream_take (RdRedisStream *stream,
                                       const redisReply *entry,
                                       RdMessage *message);

/* The greatest number of our own seen in this pass; 0: none. */
guint64 rd_redis_stream_get_own (const RdRedisStream *stream);

/* Reads "<ms>-<seq>". */
gboolean rd_redis_stream_parse_id (const char *text, gsize size, WsId *id);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisStream, rd_redis_stream_free)

G_END_DECLS
