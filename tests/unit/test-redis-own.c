/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Own publishes: recognized once each when they come back from the channel. */

#include <string.h>

#include "rd-redis-dedup.h"

#define MANY (1 << 20)

static void
add (RdRedisOwn *own, guint64 sequence, const char *text)
{
  g_autoptr (GBytes) data = g_bytes_new_static (text, strlen (text));
  const RdRedisOutgoing outgoing = { .sequence = sequence, .opcode = WS_OPCODE_TEXT, .data = data };

  rd_redis_own_add (own, &outgoing);
}

static gboolean
is_own (RdRedisOwn *own, const char *text)
{
  return rd_redis_own_match (own, text, strlen (text), 1);
}

static void
other_messages_do_not_match (void)
{
  g_autoptr (RdRedisOwn) own = rd_redis_own_new (MANY);

  g_assert_false (is_own (own, "hello"));
  add (own, 1, "hello");
  g_assert_false (is_own (own, "hell"));
  g_assert_false (is_own (own, "hello "));
  g_assert_false (is_own (own, "Hello"));
}

static void
each_publish_matches_once (void)
{
  g_autoptr (RdRedisOwn) own = rd_redis_own_new (MANY);

  add (own, 1, "twice");
  add (own, 2, "");
  add (own, 3, "twice");
  g_assert_true (is_own (own, "twice"));
  g_assert_true (is_own (own, ""));
  g_assert_true (is_own (own, "twice"));
  g_assert_false (is_own (own, "twice"));
  g_assert_false (is_own (own, ""));
}

static void
the_same_text_of_another_client_matches_instead (void)
{
  g_autoptr (RdRedisOwn) own = rd_redis_own_new (MANY);

  add (own, 1, "one");
  add (own, 2, "two");
  g_assert_true (is_own (own, "two")); /* of another client, sent before the own one came back */
  g_assert_true (is_own (own, "one"));
  g_assert_false (is_own (own, "two")); /* the own one: each client gets two of them in all */
}

static void
refused_publishes_do_not_match (void)
{
  g_autoptr (RdRedisOwn) own = rd_redis_own_new (MANY);

  add (own, 1, "one");
  add (own, 2, "two");
  add (own, 3, "three");
  rd_redis_own_remove_after (own, 1);
  g_assert_false (is_own (own, "two"));
  g_assert_false (is_own (own, "three"));
  g_assert_true (is_own (own, "one"));
}

static void
publishes_with_a_reply_do_not_match_after_a_reconnect (void)
{
  g_autoptr (RdRedisOwn) own = rd_redis_own_new (MANY);

  add (own, 1, "one");
  add (own, 2, "two");
  add (own, 3, "three");
  rd_redis_own_disconnect (own, 2, 0);
  g_assert_false (is_own (own, "one"));
  g_assert_false (is_own (own, "two"));
  g_assert_true (is_own (own, "three"));
}

static void
publishes_without_a_reply_match_for_a_while_after_a_reconnect (void)
{
  g_autoptr (RdRedisOwn) own = rd_redis_own_new (MANY);

  add (own, 1, "in time");
  add (own, 2, "too late");
  rd_redis_own_disconnect (own, 0, 100);
  add (own, 3, "on the new one");
  rd_redis_own_disconnect (own, 0, 200); /* the time counts from the first one */
  g_assert_true (rd_redis_own_match (own, "in time", 7, RD_REDIS_OWN_US + 99));
  g_assert_false (rd_redis_own_match (own, "too late", 8, RD_REDIS_OWN_US + 100));
  g_assert_true (rd_redis_own_match (own, "on the new one", 14, RD_REDIS_OWN_US + 199));
}

static void
a_publish_does_not_expire_while_connected (void)
{
  g_autoptr (RdRedisOwn) own = rd_redis_own_new (MANY);

  add (own, 1, "late");
  g_assert_true (rd_redis_own_match (own, "late", 4, 1000 * RD_REDIS_OWN_US));
}

static void
beyond_the_limit_the_oldest_are_removed (void)
{
  g_autoptr (RdRedisOwn) own = rd_redis_own_new (1000);
  g_autofree char *large = g_strnfill (600, 'x');

  add (own, 1, "oldest");
  add (own, 2, large);
  g_assert_true (is_own (own, "oldest"));
  add (own, 3, "newer");
  add (own, 4, large);
  g_assert_false (is_own (own, "oldest"));
  g_assert_true (is_own (own, "newer"));
  g_assert_true (is_own (own, large));
  g_assert_false (is_own (own, large));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/redis/own/foreign", other_messages_do_not_match);
  g_test_add_func ("/redis/own/once", each_publish_matches_once);
  g_test_add_func ("/redis/own/same-text", the_same_text_of_another_client_matches_instead);
  g_test_add_func ("/redis/own/refused", refused_publishes_do_not_match);
  g_test_add_func ("/redis/own/answered", publishes_with_a_reply_do_not_match_after_a_reconnect);
  g_test_add_func ("/redis/own/not-answered",
                   publishes_without_a_reply_match_for_a_while_after_a_reconnect);
  g_test_add_func ("/redis/own/late", a_publish_does_not_expire_while_connected);
  g_test_add_func ("/redis/own/limit", beyond_the_limit_the_oldest_are_removed);

  return g_test_run ();
}
