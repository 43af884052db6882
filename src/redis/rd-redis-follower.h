/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-stream.h"
#include "rd-redis.h"

G_BEGIN_DECLS

/* Reads the stream: first what was missed, up to the end, then what comes. */
typedef struct _RdRedisFollower RdRedisFollower;

/* What the follower asks and tells. */
typedef struct
{
  /* A message of another worker. */
  void (*message) (RdMessage *message, gpointer user_data);

  /* One was here before, or is no message of a worker. */
  void (*skipped) (RdRedisEntryKind kind, gpointer user_data);

  /* What happened to the stream where we did not look, if something did. */
  void (*away) (const RdRedisAway *away, gpointer user_data);

  /* What was in the stream when this pass began was read. */
  void (*caught_up) (gpointer user_data);

  /* Redis has answered; every two seconds at least once that was read. */
  void (*heard) (gpointer user_data);

  /* Whether the clients have taken in what they were sent. */
  gboolean (*has_room) (gpointer user_data);
} RdRedisFollowerEvents;

/* @redis, @stream and @events: (transfer none), outlive the follower. @key: of the stream.
 * @max_bytes: of messages to be handed on in one turn of the main loop, roughly; @max_message: of
 * one of them, usually. */
RdRedisFollower *rd_redis_follower_new (RdRedis *redis,
                                        RdRedisStream *stream,
                                        const char *key,
                                        gsize max_bytes,
                                        gsize max_message,
                                        const RdRedisFollowerEvents *events,
                                        gpointer user_data);
void rd_redis_follower_free (RdRedisFollower *follower);

/* When this worker began, monotonic: what was stored since is for it. Before, it is when the
 * follower was made. */
void rd_redis_follower_set_began_us (RdRedisFollower *follower, gint64 began_us);
gint64 rd_redis_follower_get_began_us (const RdRedisFollower *follower);

/* Begins a pass; the connection is up. */
void rd_redis_follower_start (RdRedisFollower *follower);

/* The connection is gone. */
void rd_redis_follower_stop (RdRedisFollower *follower);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRedisFollower, rd_redis_follower_free)

G_END_DECLS
