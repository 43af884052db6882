/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-outbox.h"

G_BEGIN_DECLS

/* What we have published on a channel to which we are subscribed ourselves, until it comes back:
 * bare text does not say who sent it. Where somebody else sends the same text meanwhile it makes no
 * difference which of the two is taken for ours. */
typedef struct _RdRedisEchoes RdRedisEchoes;

/* What was not answered when a connection ended may still come back for so long. */
#define RD_REDIS_ECHO_US (30 * G_TIME_SPAN_SECOND)

/* @max_bytes: of what is remembered; past it the oldest is forgotten. */
RdRedisEchoes *rd_redis_echoes_new (gsize max_bytes);
void rd_redis_echoes_free (RdRedisEchoes *echoes);

/* @outgoing is being published. */
void rd_redis_echoes_expect (RdRedisEchoes *echoes, const RdRedisOutgoing *outgoing);

/* What is numbered above @sequence was not published. */
void rd_redis_echoes_forget_after (RdRedisEchoes *echoes, guint64 sequence);

/* The connection is gone. What is numbered up to @sequence was answered, and comes back no more;
 * the rest may yet, for a while. @now_us: monotonic. */
void rd_redis_echoes_disconnect (RdRedisEchoes *echoes, guint64 sequence, gint64 now_us);

/* Whether this is ours; if so it is not expected any more. */
gboolean rd_redis_echoes_match (RdRedisEchoes *echoes,
                                gconstpointer data,
                                gsize size,
                                gint64 now_us);

/* A #GVariant type: what rd_redis_echoes_pack() makes. */
#define RD_REDIS_ECHOES_PACKED_TYPE "a(txay)"

/* Writes down, for another process, what is expected; after the connection is gone. Returns:
 * (transfer floating). */
GVariant *rd_redis_echoes_pack (const RdRedisEchoes *echoes);

/* Has @echoes, which are new, expect that, for no longer than after a connection. @now_us:
 * monotonic. Returns: FALSE if that cannot have been expected. */
gboolean rd_redis_echoes_unpack (RdRedisEchoes *echoes, GVariant *packed, gint64 now_us);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisEchoes, rd_redis_echoes_free)

G_END_DECLS
