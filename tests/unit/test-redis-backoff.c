/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The pauses between attempts to connect: they double up to a maximum, and are random. */

#include "rd-redis.h"

static void
pauses_double_up_to_the_maximum (void)
{
  static const guint longest_ms[] = { 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000 };

  for (guint round = 0; round < 100; round++)
    {
      guint attempts = 0;

      for (guint i = 0; i < G_N_ELEMENTS (longest_ms); i++)
        {
          const guint pause_ms = rd_redis_backoff_next (&attempts);

          g_assert_cmpuint (pause_ms, >=, longest_ms[i] / 2);
          g_assert_cmpuint (pause_ms, <=, longest_ms[i]);
        }
    }
}

static void
pauses_are_random (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < 100; i++)
    {
      guint attempts = 7;

      g_hash_table_add (seen, GUINT_TO_POINTER (rd_redis_backoff_next (&attempts)));
    }

  g_assert_cmpuint (g_hash_table_size (seen), >, 50);
}

static void
many_attempts_do_not_overflow (void)
{
  guint attempts = G_MAXUINT - 1;

  g_assert_cmpuint (rd_redis_backoff_next (&attempts), >=, RD_REDIS_BACKOFF_MAX_MS / 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/redis-backoff/growth", pauses_double_up_to_the_maximum);
  g_test_add_func ("/redis-backoff/jitter", pauses_are_random);
  g_test_add_func ("/redis-backoff/overflow", many_attempts_do_not_overflow);

  return g_test_run ();
}
