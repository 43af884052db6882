/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Exponential backoff with jitter. Says how long to wait; waiting is the caller's. */

#include "rd-redis-backoff.h"

#define FIRST_MS  100
#define DOUBLINGS 6 /* until the longest pause is reached */

guint
rd_redis_backoff_next (RdRedisBackoff *backoff)
{
  const guint longest
    = MIN (FIRST_MS << MIN (backoff->attempts, DOUBLINGS), RD_REDIS_BACKOFF_MAX_MS);

  backoff->attempts++;
  return g_random_int_range (longest / 2, longest + 1);
}

gboolean
rd_redis_backoff_is_long (const RdRedisBackoff *backoff)
{
  return backoff->attempts > DOUBLINGS;
}
