/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-log.h"

G_BEGIN_DECLS

/* What this worker has published and Redis may not have yet, in order, bounded in bytes. Messages
 * are numbered from 1 on, without holes. In order of age they are: stored (Redis has said so; kept
 * a while, for a server that dies may forget what it has just said), under way (sent, not answered)
 * and waiting. Past the bound the oldest are dropped, whatever they are. No I/O, no clock. */
typedef struct _RdRedisOutbox RdRedisOutbox;

typedef struct
{
  guint64 sequence;
  WsOpcode opcode; /* text or binary */
  GBytes *data;    /* owned */
} RdRedisOutgoing;

/* For how long what Redis has stored is kept. */
#define RD_REDIS_KEEP_US (5 * G_TIME_SPAN_SECOND)

/* @max_bytes: of payloads, and a fixed cost (sizeof RdRedisOutgoing and what GBytes takes) each. */
RdRedisOutbox *rd_redis_outbox_new (gsize max_bytes);
void rd_redis_outbox_free (RdRedisOutbox *outbox);

/* Copies the message to the end. Returns: how many messages that were not stored had to go for it
 * (also itself, if it alone is over the bound). */
guint rd_redis_outbox_push (RdRedisOutbox *outbox, WsOpcode opcode, gconstpointer data, gsize size);

/* The next message that waits, which is under way from here on. Returns: (transfer none): NULL:
 * nothing waits; valid until the outbox changes otherwise. */
const RdRedisOutgoing *rd_redis_outbox_take (RdRedisOutbox *outbox);

/* All that is under way is stored now, the last of it under @id (nullable: without one it is not
 * kept, but gone). @now_us: monotonic. */
void rd_redis_outbox_stored (RdRedisOutbox *outbox, const WsId *id, gint64 now_us);

/* Nothing of what is under way was stored: it waits again. */
void rd_redis_outbox_refused (RdRedisOutbox *outbox);

/* What is under way may be stored or not, and must not be sent again: it is gone.
 * Returns: how many. */
guint rd_redis_outbox_abandon (RdRedisOutbox *outbox);

/* After a new connection: Redis has what is numbered up to @sequence (0: none of it), and nothing
 * later, whatever was known before: the rest waits again. What was stored up to @trimmed (nullable)
 * counts as there, as Redis has cut it off by now. */
void rd_redis_outbox_resume (RdRedisOutbox *outbox, guint64 sequence, const WsId *trimmed);

/* Lets go what was stored long enough ago. */
void rd_redis_outbox_expire (RdRedisOutbox *outbox, gint64 now_us);

/* Sets @id to that of the last message that was stored and is kept no more: what this worker has
 * in the stream behind it, is in the outbox. FALSE: there is none such. */
gboolean rd_redis_outbox_get_kept_after (const RdRedisOutbox *outbox, WsId *id);

/* Messages that Redis may not have, and their bytes as counted for the bound. */
guint64 rd_redis_outbox_get_pending (const RdRedisOutbox *outbox, gsize *bytes);

/* The number of the newest message; 0: none yet. */
guint64 rd_redis_outbox_get_last (const RdRedisOutbox *outbox);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisOutbox, rd_redis_outbox_free)

G_END_DECLS
