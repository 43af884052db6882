/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Exponential backoff with jitter: the longer a server is away, the less it is asked, and the many
 * workers that lost it at one moment do not all come back at another. Says how long to wait; the
 * waiting is the caller's. */

#include "rd-redis-backoff.h"

#define FIRST_MS  100
#define DOUBLINGS 6 /* until the longest pause is reached */

guint
rd_redis_backoff_next (RdRedisBackoff *backoff)
{
  const guint longest = MIN (FIRST_MS << MIN (backoff->attempts, DOUBLINGS),
                             RD_REDIS_BACKOFF_MAX_MS);

  backoff->attempts++;
  return g_random_int_range (longest / 2, longest + 1);
}
