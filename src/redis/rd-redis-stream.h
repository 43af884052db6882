/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-bus.h"

#include <hiredis/hiredis.h>

/* Reading position in the stream. Selects the messages to deliver: each message of another node
 * once, in the order of the sequence numbers, even if entries are read or stored twice. No I/O.
 *
 * An entry has the fields "node" (name of the sender), "seq" (its sequence number, from 1) and
 * either "text" (a UTF-8 message) or "binary" (a binary message), in any order. Any client of Redis
 * can write to the stream, so all entries are untrusted input. */
typedef struct _RdRedisStream RdRedisStream;

/* After a reconnection, reading begins this long before the last entry read. Entry ids contain the
 * time of the server. After a failover the clock of the new server may be slow, so that new entries
 * have lower ids than the last entry read. */
#define RD_REDIS_REREAD_MS 5000

typedef enum
{
  RD_REDIS_ENTRY_NEW,       /* message to deliver */
  RD_REDIS_ENTRY_OWN,       /* message of this node, delivered when it was published */
  RD_REDIS_ENTRY_REPEATED,  /* delivered before, or published before this node started */
  RD_REDIS_ENTRY_FOREIGN,   /* not a message: malformed, or written by a later version */
  RD_REDIS_ENTRY_TOO_LARGE, /* content discarded, since the reply exceeded %RD_REDIS_REPLY_MAX */
  RD_REDIS_ENTRY_INVALID,   /* id malformed or not higher than the last one (faulty server) */
} RdRedisEntryKind;

/* Entries that were lost or trimmed before this node read them. */
typedef struct
{
  gboolean lost;    /* the server lost data; the stream now ends before the last entry read */
  gboolean trimmed; /* entries were, or may have been, trimmed before they were read */
  guint64 missed;   /* number of trimmed entries if known (Redis 7 or later); otherwise 0 */
} RdRedisGap;

/* @node: name of this node. */
RdRedisStream *rd_redis_stream_new (const char *node);
void rd_redis_stream_free (RdRedisStream *stream);

/* Sets the start time of this node in ms since 1970, by the clock of the server. All messages that
 * were published after that time are delivered. No effect once reading has begun. */
void rd_redis_stream_set_since (RdRedisStream *stream, guint64 since_ms);

/* Begins to read on a new connection. @info: reply to XINFO STREAM (the error "ERR no such key"
 * means an empty stream). The first call begins at the end of the stream or at the start time of
 * this node, whichever is earlier; a later call begins %RD_REDIS_REREAD_MS before the last entry
 * read, or at the beginning of the stream if data was lost. Returns: FALSE if @info is invalid. */
gboolean rd_redis_stream_resume (RdRedisStream *stream, const redisReply *info, RdRedisGap *gap);

/* Detects entries that were trimmed before they were read. @info: reply to an XINFO STREAM sent
 * between two XREADs. Each gap is reported once. If @gap->lost is TRUE, the caller must reconnect
 * and call rd_redis_stream_resume(). Returns: FALSE if @info is invalid. */
gboolean rd_redis_stream_check (RdRedisStream *stream, const redisReply *info, RdRedisGap *gap);

/* Returns: whether all entries that existed at the start of the catch-up were read. */
gboolean rd_redis_stream_has_caught_up (const RdRedisStream *stream);

/* Formats the current position for XREAD. */
void rd_redis_stream_format_position (const RdRedisStream *stream, char out[WS_ID_STRING_SIZE]);

/* Returns: whether part of @entry was discarded because the reply exceeded %RD_REDIS_REPLY_MAX. */
gboolean rd_redis_stream_is_too_large (const redisReply *entry);

/* Moves the position to @entry, which is [id, [field, value, …]], and parses it. @message (out):
 * set only for %RD_REDIS_ENTRY_NEW; points into @entry. */
RdRedisEntryKind rd_redis_stream_take (RdRedisStream *stream,
                                       const redisReply *entry,
                                       RdMessage *message);

/* Returns: the highest sequence number of messages of this node read on this connection; 0 if none.
 */
guint64 rd_redis_stream_get_own (const RdRedisStream *stream);

/* Serializes the state of @stream that a later connection needs. Returns: (transfer floating). */
#define RD_REDIS_STREAM_PACKED_TYPE "(b(tt)(tt)(bt)t(b(tt)t)a(st(tt)))"
GVariant *rd_redis_stream_pack (const RdRedisStream *stream);

/* Restores @packed into a newly created @stream. Returns: FALSE if @packed is invalid. */
gboolean rd_redis_stream_unpack (RdRedisStream *stream, GVariant *packed);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisStream, rd_redis_stream_free)
