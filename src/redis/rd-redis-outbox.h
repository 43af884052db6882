/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-frame.h"

G_BEGIN_DECLS

/* What this worker has published and Redis may not have, in order, bounded in bytes. Messages are
 * numbered from 1 on, without holes. In order of age they are: stored (Redis has said so; kept a
 * while, for a server that dies may forget what it has just said), under way (sent, not answered)
 * and waiting. Past the bound the oldest are dropped, whatever they are. No I/O, no clock. */
typedef struct _RdRedisOutbox RdRedisOutbox;

typedef struct
{
  guint64 sequence;
  WsOpcode opcode; /* text or binary */
  GBytes *data;    /* owned */
} RdRedisOutgoing;

/* For how long what Redis has stored is kept where it can be sent again. */
#define RD_REDIS_KEEP_US (5 * G_TIME_SPAN_SECOND)

/* What a message counts for the bound beside its payload, bytes: what is allocated for it. */
#define RD_REDIS_OUTGOING_COST 128

/* @max_bytes: the bound, with the cost of each. @keep_us: for how long what is stored is kept;
 * 0: not at all. */
RdRedisOutbox *rd_redis_outbox_new (gsize max_bytes, gint64 keep_us);
void rd_redis_outbox_free (RdRedisOutbox *outbox);

/* Begins, while it is empty, with a number beyond any that a worker of the same name can have used:
 * the time in microseconds. */
void rd_redis_outbox_leap (RdRedisOutbox *outbox);

/* Copies the message to the end. Returns: how many messages that were not stored had to go for it;
 * one that is over the bound alone goes itself, and has no number. */
guint rd_redis_outbox_push (RdRedisOutbox *outbox, WsOpcode opcode, gconstpointer data, gsize size);

/* The next message that waits, which is under way from here on. Returns: (transfer none): NULL:
 * nothing waits; valid until the outbox changes otherwise. */
const RdRedisOutgoing *rd_redis_outbox_take (RdRedisOutbox *outbox);

/* All that is under way is stored now. @now_us: monotonic. */
void rd_redis_outbox_stored (RdRedisOutbox *outbox, gint64 now_us);

/* Nothing of what is under way was stored: it waits again. */
void rd_redis_outbox_refused (RdRedisOutbox *outbox);

/* What is under way may be stored or not, and must not be sent again: it is gone, and what is older
 * with it. Returns: how many were under way. */
guint rd_redis_outbox_abandon (RdRedisOutbox *outbox);

/* After a new connection: Redis has what is numbered up to @sequence (0: none of it), and nothing
 * later, whatever it said before: the rest waits again. What was never taken waits in any case.
 * @now_us: monotonic. */
void rd_redis_outbox_resume (RdRedisOutbox *outbox, guint64 sequence, gint64 now_us);

/* Lets go what was stored long enough before Redis was last heard of, at @heard_us, monotonic: it
 * may have died right after. Not between a new connection and rd_redis_outbox_resume(): what Redis
 * still has is not known then. Returns: whether there is more that was stored. */
gboolean rd_redis_outbox_expire (RdRedisOutbox *outbox, gint64 heard_us);

/* Messages that Redis may not have, and their bytes as counted for the bound (nullable). */
guint64 rd_redis_outbox_get_pending (const RdRedisOutbox *outbox, gsize *bytes);

/* The number of the newest message; 0: none yet. */
guint64 rd_redis_outbox_get_last (const RdRedisOutbox *outbox);

/* Lets all go. Returns: how many messages were not stored. */
guint64 rd_redis_outbox_clear (RdRedisOutbox *outbox);

/* A #GVariant type: what rd_redis_outbox_pack() makes. */
#define RD_REDIS_OUTBOX_PACKED_TYPE "(tttta(txt)ay)"

/* Writes down, for another process, all that is in it. Returns: (transfer floating). */
GVariant *rd_redis_outbox_pack (const RdRedisOutbox *outbox);

/* Fills @outbox, which is new, with that, and goes on with its numbers. @dropped (out): how many
 * messages that were not stored had to go, as they are over its own bound. Returns: FALSE if no
 * outbox can have been filled so. */
gboolean rd_redis_outbox_unpack (RdRedisOutbox *outbox, GVariant *packed, guint64 *dropped);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisOutbox, rd_redis_outbox_free)

G_END_DECLS
