/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-outbox.h"
#include "ws-log.h"

/* Recognizes messages that were delivered before: in stream mode by sender and sequence number, in
 * pubsub mode by comparison with the messages that this node has published. */

#define RD_REDIS_NODE_MAX 64 /* maximum length of a node name, bytes */

/* Returns: whether @name (@size bytes) is a valid node name: printable ASCII without spaces. */
gboolean rd_redis_is_node_name (const char *name, gsize size);

/* The dedup table: for each node, the sequence number of its last delivered message. */
typedef struct _RdRedisDedup RdRedisDedup;

/* Maximum number of nodes in the table. A further node replaces the least recently seen one. */
#define RD_REDIS_DEDUP_MAX 4096

RdRedisDedup *rd_redis_dedup_new (void);
void rd_redis_dedup_free (RdRedisDedup *dedup);

/* Looks up @node and marks it as recently seen. Returns: the sequence number of the node's last
 * delivered message; 0 if the node is unknown. */
guint64 rd_redis_dedup_find (RdRedisDedup *dedup, const char *node);

/* Stores the sequence number and id of the last delivered message of @node. Returns: TRUE if the
 * table was full and another node was removed; @removed (out): id of that node's last message. */
gboolean rd_redis_dedup_set (RdRedisDedup *dedup,
                             const char *node,
                             guint64 sequence,
                             const WsId *id,
                             WsId *removed);

/* Serializes the table. Returns: (transfer floating). */
#define RD_REDIS_DEDUP_PACKED_TYPE "a(st(tt))"
GVariant *rd_redis_dedup_pack (const RdRedisDedup *dedup);

/* Restores @packed into a newly created @dedup. Returns: FALSE if @packed is invalid. */
gboolean rd_redis_dedup_unpack (RdRedisDedup *dedup, GVariant *packed);

/* The list of own publishes, that is, messages that this node has published on the channel but has
 * not yet received as a subscriber. If another program publishes an identical message, clients
 * receive both. */
typedef struct _RdRedisOwn RdRedisOwn;

/* For this long after a disconnection, Redis may deliver messages whose PUBLISH had no reply. */
#define RD_REDIS_OWN_US (30 * G_TIME_SPAN_SECOND)

/* @max_bytes: maximum total size of messages; if it is exceeded, the oldest ones are removed. */
RdRedisOwn *rd_redis_own_new (gsize max_bytes);
void rd_redis_own_free (RdRedisOwn *own);

/* Adds a message that is being published. */
void rd_redis_own_add (RdRedisOwn *own, const RdRedisOutgoing *outgoing);

/* Removes the messages that Redis refused: those with sequence numbers above @sequence. */
void rd_redis_own_remove_after (RdRedisOwn *own, guint64 sequence);

/* Removes the messages that Redis has replied to: those with numbers up to @sequence. Later ones
 * expire after %RD_REDIS_OWN_US. Must be called when the connection ends. @now_us: monotonic. */
void rd_redis_own_disconnect (RdRedisOwn *own, guint64 sequence, gint64 now_us);

/* Removes the oldest message equal to @data. Returns: whether one was found. @now_us: monotonic. */
gboolean rd_redis_own_match (RdRedisOwn *own, gconstpointer data, gsize size, gint64 now_us);

/* Serializes all messages; rd_redis_own_disconnect() must have been called. Returns: (transfer
 * floating). */
#define RD_REDIS_OWN_PACKED_TYPE "a(txay)"
GVariant *rd_redis_own_pack (const RdRedisOwn *own);

/* Restores @packed into a newly created @own. The messages expire after at most %RD_REDIS_OWN_US.
 * @now_us: monotonic time. Returns: FALSE if @packed is invalid. */
gboolean rd_redis_own_unpack (RdRedisOwn *own, GVariant *packed, gint64 now_us);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisDedup, rd_redis_dedup_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisOwn, rd_redis_own_free)
