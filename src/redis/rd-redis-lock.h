/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-bus.h"
#include "rd-redis.h"

/* Decides which node sends a message that every node has at the same intervals: the one that gets
 * the lock, the key "periodic_broadcast_lock". The lock is never released: it expires shortly
 * before the next interval begins. */
typedef struct _RdRedisLock RdRedisLock;

/* @is_acquired: TRUE: this node has the lock, and @message is for the clients of all nodes. FALSE:
 * Redis is down or refused, and @message is for the clients of this node. */
typedef void (*RdRedisLockFunc) (RdMessage *message, gboolean is_acquired, gpointer user_data);

/* @redis: (transfer none), outlives the lock. @node: the key's value. */
RdRedisLock *rd_redis_lock_new (RdRedis *redis,
                                const char *node,
                                RdRedisLockFunc func,
                                gpointer user_data);
void rd_redis_lock_free (RdRedisLock *lock);

/* Asks for the lock for @message, which is dropped if another node has the lock, or if the answer
 * for the previous message is still pending. @interval_us: time until the next message. */
void rd_redis_lock_acquire (RdRedisLock *lock, const RdMessage *message, gint64 interval_us);

/* Returns: FALSE while an answer is pending. */
gboolean rd_redis_lock_is_idle (const RdRedisLock *lock);

/* To be called when the connection is lost: passes a pending message on as not acquired. */
void rd_redis_lock_abort (RdRedisLock *lock);
