/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-bus.h"
#include "rd-redis-senders.h"

#include <hiredis/hiredis.h>

G_BEGIN_DECLS

/* Where this worker stands in the stream, and what it has had of each sender, so that it takes
 * every message once, in its sender's order, whatever is read again or was stored twice. An entry
 * has the fields "node" (who sent it), "seq" (its number there, from 1 on) and "text" or "binary".
 * No I/O, no clock. */
typedef struct _RdRedisStream RdRedisStream;

/* A pass begins so much before where we were, by the ids: a server that took the place of a dead
 * one may name new entries by a clock that is behind. */
#define RD_REDIS_REREAD_MS 5000

typedef enum
{
  RD_REDIS_TAKE,     /* deliver it */
  RD_REDIS_OWN,      /* we sent it, and delivered it long since */
  RD_REDIS_REPEATED, /* we had it, or it is older than we are here */
  RD_REDIS_FOREIGN,  /* no message of a worker: malformed, or of a newer kind */
  RD_REDIS_BROKEN,   /* no entry behind the position: this is no Redis, give up the connection */
} RdRedisEntryKind;

/* What happened to the stream where we did not look. */
typedef struct
{
  gboolean lost;    /* the server lost data: it is not the stream that we read before */
  gboolean trimmed; /* what we had not read yet was cut off, or may have been */
  guint64 missed;   /* how many entries that were; 0: cannot be told (before Redis 7) */
} RdRedisAway;

/* @node: our own name as a sender. */
RdRedisStream *rd_redis_stream_new (const char *node);
void rd_redis_stream_free (RdRedisStream *stream);

/* When this worker began, since 1970 by the server's clock. What is stored later is for it, even if
 * it comes to Redis only then. No effect after the first pass has begun. */
void rd_redis_stream_set_since (RdRedisStream *stream, guint64 since_ms);

/* Begins a pass over the stream, from the reply to XINFO STREAM (the error "ERR no such key": it is
 * empty). The first pass ever begins at its end, or where it was when this worker began; a later
 * one a little before where we were; if the server lost data, at the very beginning.
 * Returns: FALSE if @info tells of no stream: nothing was done. */
gboolean rd_redis_stream_resume (RdRedisStream *stream, const redisReply *info, RdRedisAway *away);

/* Looks for what was cut off before it was read, from the reply to an XINFO STREAM that was sent
 * between two XREADs, while nothing else has failed: a reader can be too slow for the stream. What
 * is told once is not told again. If data was lost, another pass is due.
 * Returns: FALSE if @info tells of no stream: nothing was done. */
gboolean rd_redis_stream_look (RdRedisStream *stream, const redisReply *info, RdRedisAway *away);

/* Whether all was read that was there when this pass began. */
gboolean rd_redis_stream_has_caught_up (const RdRedisStream *stream);

/* The id to read behind, as XREAD takes it. */
void rd_redis_stream_format_position (const RdRedisStream *stream, char out[WS_ID_STRING_SIZE]);

/* Takes an entry, [id, [field, value, …]], as XREAD returns it, and moves on behind it. @message:
 * set for RD_REDIS_TAKE; points into @entry. */
RdRedisEntryKind rd_redis_stream_take (RdRedisStream *stream,
                                       const redisReply *entry,
                                       RdMessage *message);

/* The greatest number of our own seen in this pass; 0: none. */
guint64 rd_redis_stream_get_own (const RdRedisStream *stream);

/* A #GVariant type: what rd_redis_stream_pack() makes. */
#define RD_REDIS_STREAM_PACKED_TYPE "(b(tt)(tt)(bt)t(b(tt)t)" RD_REDIS_SENDERS_PACKED_TYPE ")"

/* Writes down, for another process, all but the pass: the next one begins as after a connection
 * that was cut. Returns: (transfer floating). */
GVariant *rd_redis_stream_pack (const RdRedisStream *stream);

/* Has @stream, which is new, stand there. Returns: FALSE if no stream can have been read so. */
gboolean rd_redis_stream_unpack (RdRedisStream *stream, GVariant *packed);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisStream, rd_redis_stream_free)

G_END_DECLS
