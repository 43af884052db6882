/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Our own messages on the channel: known when they come back, once each, in any company. */

#include <string.h>

#include "rd-redis-dedup.h"

#define MANY (1 << 20)

static void
expect (RdRedisOwn *echoes, guint64 sequence, const char *text)
{
  g_autoptr (GBytes) data = g_bytes_new_static (text, strlen (text));
  const RdRedisOutgoing outgoing = { .sequence = sequence, .opcode = WS_OPCODE_TEXT, .data = data };

  rd_redis_own_add (echoes, &outgoing);
}

static gboolean
is_ours (RdRedisOwn *echoes, const char *text)
{
  return rd_redis_own_match (echoes, text, strlen (text), 1);
}

static void
what_nobody_expects_is_of_others (void)
{
  g_autoptr (RdRedisOwn) echoes = rd_redis_own_new (MANY);

  g_assert_false (is_ours (echoes, "hello"));
  expect (echoes, 1, "hello");
  g_assert_false (is_ours (echoes, "hell"));
  g_assert_false (is_ours (echoes, "hello "));
  g_assert_false (is_ours (echoes, "Hello"));
}

static void
each_is_ours_once (void)
{
  g_autoptr (RdRedisOwn) echoes = rd_redis_own_new (MANY);

  expect (echoes, 1, "twice");
  expect (echoes, 2, "");
  expect (echoes, 3, "twice");
  g_assert_true (is_ours (echoes, "twice"));
  g_assert_true (is_ours (echoes, ""));
  g_assert_true (is_ours (echoes, "twice"));
  g_assert_false (is_ours (echoes, "twice"));
  g_assert_false (is_ours (echoes, ""));
}

static void
same_text_of_another_takes_the_place_of_ours_and_of_no_other (void)
{
  g_autoptr (RdRedisOwn) echoes = rd_redis_own_new (MANY);

  expect (echoes, 1, "one");
  expect (echoes, 2, "two");
  g_assert_true (is_ours (echoes, "two")); /* another's, sent before ours came back */
  g_assert_true (is_ours (echoes, "one"));
  g_assert_false (is_ours (echoes, "two")); /* ours: every client has had two of them by now */
}

static void
what_was_refused_does_not_come_back (void)
{
  g_autoptr (RdRedisOwn) echoes = rd_redis_own_new (MANY);

  expect (echoes, 1, "one");
  expect (echoes, 2, "two");
  expect (echoes, 3, "three");
  rd_redis_own_remove_after (echoes, 1);
  g_assert_false (is_ours (echoes, "two"));
  g_assert_false (is_ours (echoes, "three"));
  g_assert_true (is_ours (echoes, "one"));
}

static void
what_was_answered_on_an_old_connection_does_not_come_back (void)
{
  g_autoptr (RdRedisOwn) echoes = rd_redis_own_new (MANY);

  expect (echoes, 1, "one");
  expect (echoes, 2, "two");
  expect (echoes, 3, "three");
  rd_redis_own_disconnect (echoes, 2, 0);
  g_assert_false (is_ours (echoes, "one"));
  g_assert_false (is_ours (echoes, "two"));
  g_assert_true (is_ours (echoes, "three"));
}

static void
what_was_not_answered_on_an_old_connection_may_come_back_for_a_while (void)
{
  g_autoptr (RdRedisOwn) echoes = rd_redis_own_new (MANY);

  expect (echoes, 1, "in time");
  expect (echoes, 2, "too late");
  rd_redis_own_disconnect (echoes, 0, 100);
  expect (echoes, 3, "on the new one");
  rd_redis_own_disconnect (echoes, 0, 200); /* the time runs from the first */
  g_assert_true (rd_redis_own_match (echoes, "in time", 7, RD_REDIS_OWN_US + 99));
  g_assert_false (rd_redis_own_match (echoes, "too late", 8, RD_REDIS_OWN_US + 100));
  g_assert_true (rd_redis_own_match (echoes, "on the new one", 14, RD_REDIS_OWN_US + 199));
}

static void
slow_channel_brings_ours_back_whenever_it_likes (void)
{
  g_autoptr (RdRedisOwn) echoes = rd_redis_own_new (MANY);

  expect (echoes, 1, "late");
  g_assert_true (rd_redis_own_match (echoes, "late", 4, 1000 * RD_REDIS_OWN_US));
}

static void
past_the_bound_the_oldest_is_forgotten (void)
{
  g_autoptr (RdRedisOwn) echoes = rd_redis_own_new (1000);
  g_autofree char *large = g_strnfill (600, 'x');

  expect (echoes, 1, "oldest");
  expect (echoes, 2, large);
  g_assert_true (is_ours (echoes, "oldest"));
  expect (echoes, 3, "newer");
  expect (echoes, 4, large);
  g_assert_false (is_ours (echoes, "oldest"));
  g_assert_true (is_ours (echoes, "newer"));
  g_assert_true (is_ours (echoes, large));
  g_assert_false (is_ours (echoes, large));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/redis-echoes/foreign", what_nobody_expects_is_of_others);
  g_test_add_func ("/redis-echoes/once", each_is_ours_once);
  g_test_add_func ("/redis-echoes/same-text",
                   same_text_of_another_takes_the_place_of_ours_and_of_no_other);
  g_test_add_func ("/redis-echoes/refused", what_was_refused_does_not_come_back);
  g_test_add_func ("/redis-echoes/answered",
                   what_was_answered_on_an_old_connection_does_not_come_back);
  g_test_add_func ("/redis-echoes/not-answered",
                   what_was_not_answered_on_an_old_connection_may_come_back_for_a_while);
  g_test_add_func ("/redis-echoes/late", slow_channel_brings_ours_back_whenever_it_likes);
  g_test_add_func ("/redis-echoes/bound", past_the_bound_the_oldest_is_forgotten);

  return g_test_run ();
}
