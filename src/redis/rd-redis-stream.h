/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-bus.h"

#include <hiredis/hiredis.h>

/* Reading position in the stream. Delivers every message of another node once and in its sender's
 * order, even if entries are read again or were stored twice. No I/O, no clock.
 *
 * An entry has the fields "node" (name of the sender), "seq" (its sequence number, from 1) and
 * "text" (UTF-8) or "binary" (the message), in any order. Anyone with access to Redis can write to
 * the stream, so all entries are untrusted input. */
typedef struct _RdRedisStream RdRedisStream;

/* A later pass starts this long before the last position, in terms of entry ids: after a failover
 * the new server's clock, from which ids are made, may be behind. */
#define RD_REDIS_REREAD_MS 5000

typedef enum
{
  RD_REDIS_ENTRY_NEW,       /* to be delivered */
  RD_REDIS_ENTRY_OWN,       /* from this node: delivered when it was published */
  RD_REDIS_ENTRY_REPEATED,  /* delivered before, or older than this node */
  RD_REDIS_ENTRY_FOREIGN,   /* not a message: malformed, or of a later version */
  RD_REDIS_ENTRY_TOO_LARGE, /* over the limit of a reply; its content was discarded */
  RD_REDIS_ENTRY_INVALID,   /* no entry after the position: the server is faulty */
} RdRedisEntryKind;

/* Entries that this node did not get. */
typedef struct
{
  gboolean lost;    /* the server lost data: the stream is not the one read before */
  gboolean trimmed; /* entries were, or may have been, trimmed before they were read */
  guint64 missed;   /* number of trimmed entries; 0: unknown (before Redis 7) */
} RdRedisGap;

/* @node: name of this node. */
RdRedisStream *rd_redis_stream_new (const char *node);
void rd_redis_stream_free (RdRedisStream *stream);

/* Sets the start time of this node, ms since 1970 by the server's clock: entries after it are
 * delivered, even if they are read much later. No effect after the first pass has begun. */
void rd_redis_stream_set_since (RdRedisStream *stream, guint64 since_ms);

/* Begins a pass over the stream. @info: reply to XINFO STREAM (the error "ERR no such key" means
 * an empty stream). The first pass begins at the end of the stream or at the start time of this
 * node, whichever is earlier; a later pass %RD_REDIS_REREAD_MS before the last position, or at the
 * beginning of the stream if the server lost data. Returns: FALSE if @info is not valid. */
gboolean rd_redis_stream_resume (RdRedisStream *stream, const redisReply *info, RdRedisGap *gap);

/* Finds entries that were trimmed before they were read, during a pass. @info: reply to an XINFO
 * STREAM that was sent between two XREADs. Reports each gap once. If data was lost a new pass has
 * to begin. Returns: FALSE if @info is not valid. */
gboolean rd_redis_stream_check (RdRedisStream *stream, const redisReply *info, RdRedisGap *gap);

/* Whether all entries that existed when the pass began were read. */
gboolean rd_redis_stream_has_caught_up (const RdRedisStream *stream);

/* Formats the current position, for XREAD. */
void rd_redis_stream_format_position (const RdRedisStream *stream, char out[WS_ID_STRING_SIZE]);

/* Whether part of @entry was discarded, because it or the whole reply was over the limit. */
gboolean rd_redis_stream_is_too_large (const redisReply *entry);

/* Takes the next entry, [id, [field, value, …]], and moves the position to it. @message (out): set
 * for %RD_REDIS_ENTRY_NEW; points into @entry. */
RdRedisEntryKind rd_redis_stream_take (RdRedisStream *stream,
                                       const redisReply *entry,
                                       RdMessage *message);

/* Returns: the highest sequence number of this node's own entries in this pass; 0: none. */
guint64 rd_redis_stream_get_own (const RdRedisStream *stream);

/* Serializes all but the current pass. Returns: (transfer floating). */
#define RD_REDIS_STREAM_PACKED_TYPE "(b(tt)(tt)(bt)t(b(tt)t)a(st(tt)))"
GVariant *rd_redis_stream_pack (const RdRedisStream *stream);

/* Restores @stream, which is new. Returns: FALSE if @packed is not valid. */
gboolean rd_redis_stream_unpack (RdRedisStream *stream, GVariant *packed);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisStream, rd_redis_stream_free)
