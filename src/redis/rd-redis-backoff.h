/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How long to wait between attempts: 100 ms at first, twice as long each time, up to this; between
 * half of that and all of it, at random, so that many workers do not come back in step. */
#define RD_REDIS_BACKOFF_MAX_MS 5000

/* What went well for so long is tried again soon when it fails; what wavers is not. */
#define RD_REDIS_STABLE_US (5 * G_TIME_SPAN_SECOND)

typedef struct
{
  guint attempts; /* in a row; 0 at first, and after a success */
} RdRedisBackoff;

/* Counts one more attempt. Returns: ms to wait before it. */
guint rd_redis_backoff_next (RdRedisBackoff *backoff);

G_END_DECLS
