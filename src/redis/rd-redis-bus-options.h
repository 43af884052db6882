/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

#define RD_REDIS_STREAM_KEY "ringdown:log"

typedef enum
{
  RD_REDIS_STREAM, /* a stream: no message is missed */
  RD_REDIS_PUBSUB, /* bare text on the channel: at most once */
} RdRedisMode;

typedef struct
{
  RdRedisMode mode;
  const char *node;    /* name of this node: unique, see rd_redis_is_node_name() */
  const char *channel; /* messages published on it by other programs are delivered, too */
  guint64 history;     /* approximate length of the stream, messages */
  gsize buffer_size;   /* limit of messages that wait for Redis, bytes */
  gsize max_message;   /* limit of messages from Redis, bytes */
  gsize batch_size;    /* messages to read from the stream at once, bytes */

  /* Whether no client is too far behind for more messages; called while catching up. */
  gboolean (*has_room) (gpointer data);
  gpointer room_data;
} RdRedisBusOptions;
