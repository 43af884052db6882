/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-frame.h"

/* Messages of this node that Redis may not have yet, in order of their sequence numbers, which have
 * no gaps. A message is first queued, then in flight (sent, no reply yet), then stored (Redis has
 * stored it). Stored messages are kept for a while, since a server that crashes may lose its last
 * writes. If the size limit is exceeded, the oldest messages are dropped, stored or not. */
typedef struct _RdRedisOutbox RdRedisOutbox;

typedef struct
{
  guint64 sequence;
  WsOpcode opcode;  /* text or binary */
  GBytes *data;     /* owned */
  gint64 stored_us; /* monotonic; valid only if Redis has stored the message */
} RdRedisOutgoing;

/* How long messages are kept after Redis has stored them, in stream mode. */
#define RD_REDIS_KEEP_US (5 * G_TIME_SPAN_SECOND)

/* Approximate memory overhead of a message, in bytes. The size limit counts it in addition to the
 * payload. */
#define RD_REDIS_OUTGOING_COST 128

/* @max_bytes: size limit. @keep_us: how long to keep messages that Redis has stored; may be 0. */
RdRedisOutbox *rd_redis_outbox_new (gsize max_bytes, gint64 keep_us);
void rd_redis_outbox_free (RdRedisOutbox *outbox);

/* Sets the next sequence number to the current time in microseconds, which is higher than any
 * number that an earlier node of this name may have used. The outbox must be empty. */
void rd_redis_outbox_skip_ahead (RdRedisOutbox *outbox);

/* Queues a copy of a message. A message that exceeds the size limit by itself gets no sequence
 * number and is dropped. Returns: the number of dropped messages that Redis had not stored. */
guint rd_redis_outbox_push (RdRedisOutbox *outbox, WsOpcode opcode, gconstpointer data, gsize size);

/* Marks the oldest queued message as in flight. Returns: (transfer none) (nullable): the message,
 * valid until the outbox is changed again; NULL: no message is queued. */
const RdRedisOutgoing *rd_redis_outbox_take (RdRedisOutbox *outbox);

/* Marks all messages in flight as stored by Redis. @now_us: monotonic time. */
void rd_redis_outbox_stored (RdRedisOutbox *outbox, gint64 now_us);

/* Puts all messages in flight back into the queue, since Redis has refused them. */
void rd_redis_outbox_refused (RdRedisOutbox *outbox);

/* Drops all messages in flight and all older ones. Used if the outcome of those in flight is
 * unknown and they must not be sent twice. Returns: the number of messages that were in flight. */
guint rd_redis_outbox_abandon (RdRedisOutbox *outbox);

/* Updates the messages after a reconnection: marks messages up to number @sequence (0: none) as
 * stored by Redis, and all later ones as queued, even those already sent. @now_us: monotonic. */
void rd_redis_outbox_resume (RdRedisOutbox *outbox, guint64 sequence, gint64 now_us);

/* Drops messages that Redis stored at least @keep_us (see rd_redis_outbox_new()) before
 * @heard_us, the monotonic time of the last reply from Redis. Must not be called between a
 * reconnection and rd_redis_outbox_resume(). Returns: whether messages stored by Redis remain. */
gboolean rd_redis_outbox_expire (RdRedisOutbox *outbox, gint64 heard_us);

/* Returns: the number of messages that Redis has not stored. @bytes (out) (nullable): the total
 * size of these messages, as counted for the size limit. */
guint64 rd_redis_outbox_get_pending (const RdRedisOutbox *outbox, gsize *bytes);

/* Returns: the sequence number of the newest message; 0 in a new outbox. */
guint64 rd_redis_outbox_get_last (const RdRedisOutbox *outbox);

/* Drops all messages. Returns: how many of them Redis had not stored. */
guint64 rd_redis_outbox_clear (RdRedisOutbox *outbox);

/* Serializes all messages. Returns: (transfer floating). */
#define RD_REDIS_OUTBOX_PACKED_TYPE "(tttta(txt)ay)"
GVariant *rd_redis_outbox_pack (const RdRedisOutbox *outbox);

/* Restores @packed into a newly created @outbox. @dropped (out): number of messages dropped
 * because of the size limit before Redis had stored them. Returns: FALSE if @packed is invalid. */
gboolean rd_redis_outbox_unpack (RdRedisOutbox *outbox, GVariant *packed, guint64 *dropped);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisOutbox, rd_redis_outbox_free)
