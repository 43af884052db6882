/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a bus over Redis is told when it is made. */

typedef enum
{
  RD_REDIS_STREAM, /* by a stream, of which nothing is missed */
  RD_REDIS_PUBSUB, /* by the channel, as bare text: live only */
} RdRedisMode;

typedef struct
{
  RdRedisMode mode;
  const char *node;    /* our name among the workers: unique, printable ASCII */
  const char *channel; /* what others publish there reaches the clients here */
  guint64 history;     /* how many messages the stream keeps, roughly */
  gsize buffer_size;   /* of what waits for Redis, bytes; past it the oldest are dropped */
  gsize max_message;   /* longer ones of others are dropped, bytes */
  gsize batch_size;    /* how much is read at once, roughly, bytes */

  /* Whether the clients have taken in what they were sent; asked when much is to be read. */
  gboolean (*has_room) (gpointer data);
  gpointer room_data;
} RdRedisBusOptions;

G_END_DECLS
