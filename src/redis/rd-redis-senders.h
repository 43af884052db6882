/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-log.h"

G_BEGIN_DECLS

/* What this worker has had of each sender. */
typedef struct _RdRedisSenders RdRedisSenders;

/* How many are remembered; past it the one heard of longest ago is forgotten. */
#define RD_REDIS_SENDERS_MAX 4096

RdRedisSenders *rd_redis_senders_new (void);
void rd_redis_senders_free (RdRedisSenders *senders);

/* Returns: the number of the last message that was taken of that sender; 0: it is unknown. To ask
 * is to hear of it. */
guint64 rd_redis_senders_find (RdRedisSenders *senders, const char *node);

/* A message of @node was taken: its @sequence, its @id. Returns: TRUE if a sender was forgotten for
 * it; nothing was taken of that one behind @forgotten (out). */
gboolean rd_redis_senders_note (RdRedisSenders *senders,
                                const char *node,
                                guint64 sequence,
                                const WsId *id,
                                WsId *forgotten);

/* A #GVariant type: what rd_redis_senders_pack() makes. */
#define RD_REDIS_SENDERS_PACKED_TYPE "a(st(tt))"

/* Writes down, for another process, who was heard of. Returns: (transfer floating). */
GVariant *rd_redis_senders_pack (const RdRedisSenders *senders);

/* Has @senders, who are new, be those. Returns: FALSE if it cannot have been so. */
gboolean rd_redis_senders_unpack (RdRedisSenders *senders, GVariant *packed);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisSenders, rd_redis_senders_free)

G_END_DECLS
