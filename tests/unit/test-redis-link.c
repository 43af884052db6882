/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A link without faults: connecting, commands and replies, and subscriptions. */

#include "redis-link-fixture.h"

#include <string.h>

#define TEST(path, func) \
  g_test_add (path, LinkFixture, NULL, link_fixture_set_up, func, link_fixture_tear_down)

static void
call (LinkFixture *fixture, const char *word)
{
  rd_redis_link_call_words (fixture->link, link_fixture_log_reply, fixture, word, NULL);
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

/* As in rd_redis_info_ask(), which does not run the default context. */
static void
runs_in_another_main_context (void)
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
no_event_before_the_main_loop_runs (LinkFixture *fixture, gconstpointer unused)
{
  fixture->server->banner = REDIS_LOGGED_IN;
  link_fixture_connect (fixture);
  g_assert_cmpuint (fixture->events->len, ==, 0);
  link_fixture_expect (fixture, "ready;");
}

static void
replies_belong_to_commands_in_order (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect_ready (fixture);
  call (fixture, "ONE");
  rd_redis_link_call_words (fixture->link, NULL, NULL, "NO", "FUNCTION", NULL);
  call (fixture, "THREE");
  redis_server_expect (fixture->server, "ONE");
  redis_server_expect (fixture->server, "NO FUNCTION");
  redis_server_expect (fixture->server, "THREE");
  redis_server_send (fixture->server, "+one\r\n+two\r\n+three\r\n");
  link_fixture_expect (fixture, "=one;=three;");
}

static void
a_reply_may_come_in_pieces (LinkFixture *fixture, gconstpointer unused)
{
  const char reply[] = "*2\r\n*3\r\n$5\r\nhe\r\nl\r\n:7\r\n$-1\r\n*0\r\n";

  link_fixture_connect_ready (fixture);
  call (fixture, "SLOW");
  redis_server_expect (fixture->server, "SLOW");
  for (gsize i = 0; i + 1 < sizeof reply; i++)
    {
      g_assert_cmpuint (fixture->events->len, ==, 0);
      redis_server_send_bytes (fixture->server, reply + i, 1);
      link_fixture_settle ();
    }
  link_fixture_expect (fixture, "=[[he\r\nl 7 nil] []];");
}

static void
words_may_be_binary (LinkFixture *fixture, gconstpointer unused)
{
  g_autoptr (GBytes) data = g_bytes_new_static ("a\0b", 3);

  link_fixture_connect_ready (fixture);
  rd_redis_link_call (fixture->link, link_fixture_log_reply, fixture, data, "ECHO", NULL);
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
  link_fixture_log_reply (reply, fixture);
}

static void
a_reply_function_may_send_a_command (LinkFixture *fixture, gconstpointer unused)
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
is_idle_when_every_command_is_answered (LinkFixture *fixture, gconstpointer unused)
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

/* Sends more than the socket buffers hold. */
static void
commands_wait_for_a_slow_server (LinkFixture *fixture, gconstpointer unused)
{
  g_autofree char *word = g_strnfill (1 << 20, 'x');
  g_autofree char *command = g_strdup_printf ("SET %s", word);

  link_fixture_connect_ready (fixture);
  redis_server_set_paused (fixture->server, TRUE);
  for (guint i = 0; i < 16; i++)
    {
      rd_redis_link_call_words (fixture->link, NULL, NULL, "SET", word, NULL);
      link_fixture_settle ();
    }
  call (fixture, "LAST");
  redis_server_set_paused (fixture->server, FALSE);
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
a_pong_is_not_a_message (LinkFixture *fixture, gconstpointer unused)
{
  fixture->timeouts.probe_ms = 50;
  subscribe (fixture);
  redis_server_expect (fixture->server, "PING");
  redis_server_send (fixture->server, "*3\r\n$7\r\nmessage\r\n$9\r\nbroadcast\r\n$3\r\none\r\n"
                                      "*2\r\n$4\r\npong\r\n$0\r\n\r\n"
                                      "*3\r\n$7\r\nmessage\r\n$9\r\nbroadcast\r\n$3\r\ntwo\r\n");
  link_fixture_expect (fixture, ">[message broadcast one];>[message broadcast two];");
}

/* PING sent between SUBSCRIBE and its confirmation is answered like that of a subscriber. */
static void
a_pong_after_the_confirmation_is_not_a_message (LinkFixture *fixture, gconstpointer unused)
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
replies_to_earlier_commands_are_not_pushed (LinkFixture *fixture, gconstpointer unused)
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
a_refused_subscription_fails_the_link (LinkFixture *fixture, gconstpointer unused)
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
  g_test_add_func ("/redis-link/context", runs_in_another_main_context);
  TEST ("/redis-link/main-loop", no_event_before_the_main_loop_runs);
  TEST ("/redis-link/order", replies_belong_to_commands_in_order);
  TEST ("/redis-link/pieces", a_reply_may_come_in_pieces);
  TEST ("/redis-link/binary", words_may_be_binary);
  TEST ("/redis-link/error-reply", an_error_reply_is_a_reply);
  TEST ("/redis-link/again", a_reply_function_may_send_a_command);
  TEST ("/redis-link/idle", is_idle_when_every_command_is_answered);
  TEST ("/redis-link/slow", commands_wait_for_a_slow_server);
  TEST ("/redis-link/subscriber/messages", a_subscriber_gets_messages);
  TEST ("/redis-link/subscriber/pong", a_pong_is_not_a_message);
  TEST ("/redis-link/subscriber/early-pong", a_pong_after_the_confirmation_is_not_a_message);
  TEST ("/redis-link/subscriber/replies", replies_to_earlier_commands_are_not_pushed);
  TEST ("/redis-link/subscriber/refused", a_refused_subscription_fails_the_link);

  return g_test_run ();
}
