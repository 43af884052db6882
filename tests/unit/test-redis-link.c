/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A link to a server that is well: commands and replies, and a subscriber. */

#include "redis-link-fixture.h"

#include <string.h>

#define TEST(path, func) \
  g_test_add (path, LinkFixture, NULL, link_fixture_set_up, func, link_fixture_tear_down)

static void
call (LinkFixture *fixture, const char *word)
{
  rd_redis_link_call_words (fixture->link, link_fixture_note, fixture, word, NULL);
}

static void
connects_by_tcp (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect_ready (fixture);
  call (fixture, "TIME");
  redis_server_expect (fixture->server, "TIME");
  redis_server_send (fixture->server, ":1\r\n");
  link_fixture_expect (fixture, "=1;");
}

static void
connects_by_name (LinkFixture *fixture, gconstpointer unused)
{
  g_free (fixture->server->url->host);
  fixture->server->url->host = g_strdup ("localhost");
  link_fixture_connect_ready (fixture);
}

static void
connects_by_unix_socket (LinkFixture *fixture, gconstpointer unused)
{
  redis_server_free (fixture->server);
  fixture->server = redis_server_new_unix ();
  link_fixture_connect_ready (fixture);
}

/* As rd_redis_try() does: the main loop of the rest stands still meanwhile. */
static void
runs_in_a_context_of_its_own (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  LinkFixture fixture = { 0 };

  g_main_context_push_thread_default (context);
  link_fixture_set_up (&fixture, NULL);
  fixture.timeouts.probe_ms = 50;
  link_fixture_connect_ready (&fixture);
  redis_server_expect (fixture.server, "PING");
  redis_server_send (fixture.server, "+PONG\r\n");
  link_fixture_tear_down (&fixture, NULL);
  g_main_context_pop_thread_default (context);
}

static void
says_nothing_before_the_main_loop_runs (LinkFixture *fixture, gconstpointer unused)
{
  fixture->server->blurt = "+PONG\r\n+OK\r\n";
  link_fixture_connect (fixture);
  g_assert_cmpuint (fixture->diary->len, ==, 0);
  link_fixture_expect (fixture, "ready;");
}

static void
replies_belong_to_commands_in_order (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect_ready (fixture);
  call (fixture, "ONE");
  rd_redis_link_call_words (fixture->link, NULL, NULL, "NOBODY", "CARES", NULL);
  call (fixture, "THREE");
  redis_server_expect (fixture->server, "ONE");
  redis_server_expect (fixture->server, "NOBODY CARES");
  redis_server_expect (fixture->server, "THREE");
  redis_server_send (fixture->server, "+one\r\n+two\r\n+three\r\n");
  link_fixture_expect (fixture, "=one;=three;");
}

static void
a_reply_may_come_in_pieces (LinkFixture *fixture, gconstpointer unused)
{
  const char reply[] = "*2\r\n*3\r\n$5\r\nhe\r\nl\r\n:7\r\n$-1\r\n*0\r\n";

  link_fixture_connect_ready (fixture);
  call (fixture, "SLOWLY");
  redis_server_expect (fixture->server, "SLOWLY");
  for (gsize i = 0; i + 1 < sizeof reply; i++)
    {
      g_assert_cmpuint (fixture->diary->len, ==, 0);
      redis_server_send_bytes (fixture->server, reply + i, 1);
      link_fixture_settle ();
    }
  link_fixture_expect (fixture, "=[[he\r\nl 7 nil] []];");
}

static void
words_may_be_binary (LinkFixture *fixture, gconstpointer unused)
{
  const char *const argv[] = { "ECHO", "a\0b" };
  const gsize sizes[] = { 4, 3 };

  link_fixture_connect_ready (fixture);
  rd_redis_link_call (fixture->link, link_fixture_note, fixture, 2, argv, sizes);
  redis_server_expect (fixture->server, "ECHO a\\0b");
  redis_server_send_bytes (fixture->server, "$3\r\na\0b\r\n", 9);
  link_fixture_expect (fixture, "=a\\0b;");
}

static void
an_error_reply_is_a_reply (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect_ready (fixture);
  call (fixture, "GET");
  call (fixture, "TIME");
  redis_server_expect (fixture->server, "GET");
  redis_server_send (fixture->server, "-NOAUTH no more\r\n:7\r\n");
  link_fixture_expect (fixture, "=NOAUTH no more;=7;");
}

static void
ask_again (const redisReply *reply, gpointer user_data)
{
  LinkFixture *fixture = user_data;

  call (fixture, "AGAIN");
  link_fixture_note (reply, fixture);
}

static void
a_reply_may_lead_to_a_command (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect_ready (fixture);
  rd_redis_link_call_words (fixture->link, ask_again, fixture, "FIRST", NULL);
  redis_server_expect (fixture->server, "FIRST");
  redis_server_send (fixture->server, "+first\r\n");
  redis_server_expect (fixture->server, "AGAIN");
  redis_server_send (fixture->server, "+again\r\n");
  link_fixture_expect (fixture, "=first;=again;");
}

static void
is_idle_when_all_is_answered (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect_ready (fixture);
  g_assert_true (rd_redis_link_is_idle (fixture->link));
  call (fixture, "ONE");
  call (fixture, "TWO");
  g_assert_false (rd_redis_link_is_idle (fixture->link));
  redis_server_expect (fixture->server, "ONE");
  redis_server_send (fixture->server, "+1\r\n");
  link_fixture_expect (fixture, "=1;");
  g_assert_false (rd_redis_link_is_idle (fixture->link));
  redis_server_send (fixture->server, "+2\r\n");
  link_fixture_expect (fixture, "=2;");
  g_assert_true (rd_redis_link_is_idle (fixture->link));
}

/* By far more than the sockets hold in both directions. */
static void
a_server_may_take_its_time (LinkFixture *fixture, gconstpointer unused)
{
  g_autofree char *word = g_strnfill (1 << 20, 'x');
  g_autofree char *command = g_strdup_printf ("SET %s", word);

  link_fixture_connect_ready (fixture);
  redis_server_set_deaf (fixture->server, TRUE);
  for (guint i = 0; i < 16; i++)
    {
      rd_redis_link_call_words (fixture->link, NULL, NULL, "SET", word, NULL);
      link_fixture_settle ();
    }
  call (fixture, "LAST");
  redis_server_set_deaf (fixture->server, FALSE);
  for (guint i = 0; i < 16; i++)
    redis_server_expect (fixture->server, command);
  redis_server_expect (fixture->server, "LAST");
}

static void
subscribe (LinkFixture *fixture)
{
  link_fixture_connect_ready (fixture);
  rd_redis_link_subscribe (fixture->link, "broadcast");
  redis_server_expect (fixture->server, "SUBSCRIBE broadcast");
  redis_server_send (fixture->server, "*3\r\n$9\r\nsubscribe\r\n$9\r\nbroadcast\r\n:1\r\n");
  link_fixture_expect (fixture, ">[subscribe broadcast 1];");
}

static void
a_subscriber_gets_messages (LinkFixture *fixture, gconstpointer unused)
{
  subscribe (fixture);
  redis_server_send (fixture->server, "*3\r\n$7\r\nmessage\r\n$9\r\nbroadcast\r\n$2\r\nhi\r\n"
                                      "*3\r\n$7\r\nmessage\r\n$9\r\nbroadcast\r\n$4\r\npong\r\n");
  link_fixture_expect (fixture, ">[message broadcast hi];>[message broadcast pong];");
}

static void
a_subscriber_is_not_shown_a_pong (LinkFixture *fixture, gconstpointer unused)
{
  fixture->timeouts.probe_ms = 50;
  subscribe (fixture);
  redis_server_expect (fixture->server, "PING");
  redis_server_send (fixture->server, "*3\r\n$7\r\nmessage\r\n$9\r\nbroadcast\r\n$3\r\none\r\n"
                                      "*2\r\n$4\r\npong\r\n$0\r\n\r\n"
                                      "*3\r\n$7\r\nmessage\r\n$9\r\nbroadcast\r\n$3\r\ntwo\r\n");
  link_fixture_expect (fixture, ">[message broadcast one];>[message broadcast two];");
}

/* Asked while the server has not said yet that we are one: the answer is a push nevertheless. */
static void
a_subscriber_to_be_is_not_shown_a_pong (LinkFixture *fixture, gconstpointer unused)
{
  fixture->timeouts.probe_ms = 50;
  link_fixture_connect_ready (fixture);
  rd_redis_link_subscribe (fixture->link, "broadcast");
  redis_server_expect (fixture->server, "SUBSCRIBE broadcast");
  redis_server_expect (fixture->server, "PING");
  redis_server_send (fixture->server, "*3\r\n$9\r\nsubscribe\r\n$9\r\nbroadcast\r\n:1\r\n"
                                      "*3\r\n$7\r\nmessage\r\n$9\r\nbroadcast\r\n$2\r\nhi\r\n"
                                      "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
  link_fixture_expect (fixture, ">[subscribe broadcast 1];>[message broadcast hi];");
}

static void
replies_before_the_subscription_are_replies (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect_ready (fixture);
  call (fixture, "TIME");
  rd_redis_link_subscribe (fixture->link, "one");
  rd_redis_link_subscribe (fixture->link, "two");
  redis_server_expect (fixture->server, "TIME");
  redis_server_expect (fixture->server, "SUBSCRIBE one");
  redis_server_expect (fixture->server, "SUBSCRIBE two");
  redis_server_send (fixture->server, ":1\r\n*3\r\n$9\r\nsubscribe\r\n$3\r\none\r\n:1\r\n"
                                      "*3\r\n$9\r\nsubscribe\r\n$3\r\ntwo\r\n:2\r\n");
  link_fixture_expect (fixture, "=1;>[subscribe one 1];>[subscribe two 2];");
}

static void
a_refused_subscription_is_a_failure (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect_ready (fixture);
  rd_redis_link_subscribe (fixture->link, "secret");
  redis_server_expect (fixture->server, "SUBSCRIBE secret");
  redis_server_send (fixture->server, "-NOPERM No permissions to access a channel\r\n");
  link_fixture_expect_failure (fixture, RD_REDIS_ERROR, RD_REDIS_ERROR_REFUSED,
                               "NOPERM No permissions to access a channel");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  TEST ("/redis-link/tcp", connects_by_tcp);
  TEST ("/redis-link/name", connects_by_name);
  TEST ("/redis-link/unix", connects_by_unix_socket);
  g_test_add_func ("/redis-link/context", runs_in_a_context_of_its_own);
  TEST ("/redis-link/not-at-once", says_nothing_before_the_main_loop_runs);
  TEST ("/redis-link/order", replies_belong_to_commands_in_order);
  TEST ("/redis-link/pieces", a_reply_may_come_in_pieces);
  TEST ("/redis-link/binary", words_may_be_binary);
  TEST ("/redis-link/error-reply", an_error_reply_is_a_reply);
  TEST ("/redis-link/again", a_reply_may_lead_to_a_command);
  TEST ("/redis-link/idle", is_idle_when_all_is_answered);
  TEST ("/redis-link/deaf", a_server_may_take_its_time);
  TEST ("/redis-link/subscriber/messages", a_subscriber_gets_messages);
  TEST ("/redis-link/subscriber/pong", a_subscriber_is_not_shown_a_pong);
  TEST ("/redis-link/subscriber/early-pong", a_subscriber_to_be_is_not_shown_a_pong);
  TEST ("/redis-link/subscriber/replies", replies_before_the_subscription_are_replies);
  TEST ("/redis-link/subscriber/refused", a_refused_subscription_is_a_failure);

  return g_test_run ();
}
