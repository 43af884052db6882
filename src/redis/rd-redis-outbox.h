/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-frame.h"

/* Messages that this node has published and Redis may not have, in order, with sequence numbers
 * from 1 without gaps. A message is queued, then in flight (sent, no reply yet), then stored.
 * Stored messages are kept for a while, as a server that crashes may lose the last ones. Beyond a
 * limit of bytes the oldest messages are dropped, in whatever state. No I/O, no clock. */
typedef struct _RdRedisOutbox RdRedisOutbox;

typedef struct
{
  guint64 sequence;
  WsOpcode opcode; /* text or binary */
  GBytes *data;    /* owned */
} RdRedisOutgoing;

/* How long stored messages are kept. */
#define RD_REDIS_KEEP_US (5 * G_TIME_SPAN_SECOND)

/* Size of a message beside its payload for the limit, bytes: what is allocated for it. */
#define RD_REDIS_OUTGOING_COST 128

/* @max_bytes: limit. @keep_us: how long stored messages are kept; 0: not at all. */
RdRedisOutbox *rd_redis_outbox_new (gsize max_bytes, gint64 keep_us);
void rd_redis_outbox_free (RdRedisOutbox *outbox);

/* Continues, while empty, with a number greater than any that a node of the same name can have
 * used: the time in microseconds. */
void rd_redis_outbox_skip_ahead (RdRedisOutbox *outbox);

/* Adds a copy of a message to the end. Returns: how many messages that were not stored were dropped
 * for it; a message that exceeds the limit alone is dropped itself and gets no number. */
guint rd_redis_outbox_push (RdRedisOutbox *outbox, WsOpcode opcode, gconstpointer data, gsize size);

/* Moves the next queued message to in flight. Returns: (transfer none) (nullable): the message,
 * valid until the outbox changes otherwise; NULL: none is queued. */
const RdRedisOutgoing *rd_redis_outbox_take (RdRedisOutbox *outbox);

/* Marks all messages in flight as stored. @now_us: monotonic. */
void rd_redis_outbox_stored (RdRedisOutbox *outbox, gint64 now_us);

/* Queues all messages in flight again: none was stored. */
void rd_redis_outbox_refused (RdRedisOutbox *outbox);

/* Drops the messages in flight and older ones: whether they were stored is unknown, and they must
 * not be sent twice. Returns: how many were in flight. */
guint rd_redis_outbox_abandon (RdRedisOutbox *outbox);

/* Resolves the state of messages after a new connection: those up to @sequence (0: none) are
 * stored, and later ones are queued again. Messages that were never sent stay queued. @now_us:
 * monotonic. */
void rd_redis_outbox_resume (RdRedisOutbox *outbox, guint64 sequence, gint64 now_us);

/* Drops messages that were stored long enough before the last reply from Redis, at @heard_us,
 * monotonic. Not to be called between a new connection and rd_redis_outbox_resume(). Returns:
 * whether other stored messages are left. */
gboolean rd_redis_outbox_expire (RdRedisOutbox *outbox, gint64 heard_us);

/* Returns: the number of messages that Redis may not have. @bytes (out) (nullable): their size as
 * counted for the limit. */
guint64 rd_redis_outbox_get_pending (const RdRedisOutbox *outbox, gsize *bytes);

/* Returns: the number of the newest message; 0: none yet. */
guint64 rd_redis_outbox_get_last (const RdRedisOutbox *outbox);

/* Drops all messages. Returns: how many were not stored. */
guint64 rd_redis_outbox_clear (RdRedisOutbox *outbox);

/* Serializes all messages. Returns: (transfer floating). */
#define RD_REDIS_OUTBOX_PACKED_TYPE "(tttta(txt)ay)"
GVariant *rd_redis_outbox_pack (const RdRedisOutbox *outbox);

/* Restores @outbox, which is new. @dropped (out): how many messages that were not stored exceeded
 * its limit. Returns: FALSE if @packed is not valid. */
gboolean rd_redis_outbox_unpack (RdRedisOutbox *outbox, GVariant *packed, guint64 *dropped);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisOutbox, rd_redis_outbox_free)
