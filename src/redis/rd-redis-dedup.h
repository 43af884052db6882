/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-outbox.h"
#include "ws-log.h"

/* Two ways to recognize messages that were delivered before: by sender and sequence number (stream
 * mode), and by comparing bare text with own publishes (pubsub mode). */

#define RD_REDIS_NODE_MAX 64 /* bytes */

/* Whether @name, @size bytes, is a valid node name: printable ASCII without spaces. */
gboolean rd_redis_is_node_name (const char *name, gsize size);

/* Dedup table: the last sequence number delivered from each node. */
typedef struct _RdRedisDedup RdRedisDedup;

/* Limit of nodes; beyond it the least recently seen one is removed. */
#define RD_REDIS_DEDUP_MAX 4096

RdRedisDedup *rd_redis_dedup_new (void);
void rd_redis_dedup_free (RdRedisDedup *dedup);

/* Returns: the sequence number of the last message delivered from @node; 0: unknown node. Marks the
 * node as seen. */
guint64 rd_redis_dedup_find (RdRedisDedup *dedup, const char *node);

/* Stores the sequence number and id of the last message delivered from @node. Returns: whether
 * another node was removed for it; @removed (out): id of the last message delivered from that one.
 */
gboolean rd_redis_dedup_set (RdRedisDedup *dedup,
                             const char *node,
                             guint64 sequence,
                             const WsId *id,
                             WsId *removed);

/* Serializes the table. Returns: (transfer floating). */
#define RD_REDIS_DEDUP_PACKED_TYPE "a(st(tt))"
GVariant *rd_redis_dedup_pack (const RdRedisDedup *dedup);

/* Restores @dedup, which is new. Returns: FALSE if @packed is not valid. */
gboolean rd_redis_dedup_unpack (RdRedisDedup *dedup, GVariant *packed);

/* Own publishes: messages that this node published on a channel to which it is subscribed, until
 * they come back. If another client publishes the same text meanwhile, either of the two may match;
 * the result is the same. */
typedef struct _RdRedisOwn RdRedisOwn;

/* A publish without reply may come back this long after its connection has ended. */
#define RD_REDIS_OWN_US (30 * G_TIME_SPAN_SECOND)

/* @max_bytes: limit of all messages; beyond it the oldest are removed. */
RdRedisOwn *rd_redis_own_new (gsize max_bytes);
void rd_redis_own_free (RdRedisOwn *own);

/* Adds a message that is being published. */
void rd_redis_own_add (RdRedisOwn *own, const RdRedisOutgoing *outgoing);

/* Removes messages with numbers above @sequence: they were not published. */
void rd_redis_own_remove_after (RdRedisOwn *own, guint64 sequence);

/* To be called when the connection ends. Removes messages up to @sequence, which had a reply; the
 * others expire after %RD_REDIS_OWN_US. @now_us: monotonic. */
void rd_redis_own_disconnect (RdRedisOwn *own, guint64 sequence, gint64 now_us);

/* Returns: whether a message from the channel is an own publish; removes it then. */
gboolean rd_redis_own_match (RdRedisOwn *own, gconstpointer data, gsize size, gint64 now_us);

/* Serializes all messages; to be called after rd_redis_own_disconnect(). Returns: (transfer
 * floating). */
#define RD_REDIS_OWN_PACKED_TYPE "a(txay)"
GVariant *rd_redis_own_pack (const RdRedisOwn *own);

/* Restores @own, which is new; messages expire within %RD_REDIS_OWN_US. @now_us: monotonic.
 * Returns: FALSE if @packed is not valid. */
gboolean rd_redis_own_unpack (RdRedisOwn *own, GVariant *packed, gint64 now_us);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisDedup, rd_redis_dedup_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisOwn, rd_redis_own_free)
