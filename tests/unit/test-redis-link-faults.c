/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* All that can go wrong with a link: each is told once, with its reason, and leaves nothing behind;
 * and whoever is told may free the link there and then. */

#include "redis-link-fixture.h"

#include "descriptors.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TEST(path, func) \
  g_test_add (path, LinkFixture, NULL, link_fixture_set_up, func, link_fixture_tear_down)

/* The link is freed when @n entries are in the diary. */
#define TEST_FREEING(path, func, n) \
  g_test_add (path, LinkFixture, GUINT_TO_POINTER (n), set_up_to_free, func, link_fixture_tear_down)

static const RdRedisTimeouts short_timeouts = { .connect_ms = 100, .probe_ms = 50, .answer_ms = 500 };

static void
call (LinkFixture *fixture, const char *word)
{
  rd_redis_link_call_words (fixture->link, link_fixture_note, fixture, word, NULL);
}

static void
set_host (LinkFixture *fixture, const char *host)
{
  g_free (fixture->server->url->host);
  fixture->server->url->host = g_strdup (host);
}

/* The way there */

static void
a_closed_port (LinkFixture *fixture, gconstpointer unused)
{
  redis_server_stop (fixture->server);
  link_fixture_connect (fixture);
  link_fixture_expect_failure (fixture, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED,
                               "Connection refused");
}

static void
a_socket_that_is_not_there (LinkFixture *fixture, gconstpointer unused)
{
  fixture->server->url->path = g_strdup ("/nonexistent/redis");
  link_fixture_connect (fixture);
  link_fixture_expect_failure (fixture, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                               "No such file or directory");
}

/* A label of 64 characters, which no name server is even asked for. */
static void
set_impossible_name (LinkFixture *fixture)
{
  g_autofree char *label = g_strnfill (64, 'x');

  set_host (fixture, label);
}

static void
a_name_that_is_not_found (LinkFixture *fixture, gconstpointer unused)
{
  set_impossible_name (fixture);
  link_fixture_connect (fixture);
  link_fixture_expect (fixture, "failed;");
  g_assert_cmpuint (fixture->error->domain, ==, G_RESOLVER_ERROR);
  g_assert_null (strstr (fixture->error->message, "xxx"));
}

/* A port that answers no more: one connection waits to be accepted, which is as many as may. */
typedef struct
{
  int listener;
  int first;
} FullPort;

static void
full_port_open (FullPort *port, LinkFixture *fixture)
{
  struct sockaddr_in address = { .sin_family = AF_INET };
  socklen_t size = sizeof address;

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  port->listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  port->first = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_no_errno (bind (port->listener, (struct sockaddr *) &address, size));
  g_assert_no_errno (listen (port->listener, 0));
  g_assert_no_errno (getsockname (port->listener, (struct sockaddr *) &address, &size));
  g_assert_no_errno (connect (port->first, (struct sockaddr *) &address, size));
  fixture->server->url->port = ntohs (address.sin_port);
}

static void
full_port_close (FullPort *port)
{
  close (port->first);
  close (port->listener);
}

static void
a_way_without_end (LinkFixture *fixture, gconstpointer unused)
{
  const gint64 start_us = g_get_monotonic_time ();
  FullPort port;

  full_port_open (&port, fixture);
  fixture->timeouts.connect_ms = 100;
  link_fixture_connect (fixture);
  link_fixture_expect_failure (fixture, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                               "no connection within 100ms");
  g_assert_cmpint (g_get_monotonic_time () - start_us, >=, 100 * G_TIME_SPAN_MILLISECOND);
  full_port_close (&port);
}

static void
freed_on_the_way (LinkFixture *fixture, gconstpointer unused)
{
  FullPort port;

  full_port_open (&port, fixture);
  link_fixture_connect (fixture);
  link_fixture_pass (20);
  link_fixture_free_link (fixture);
  full_port_close (&port);
}

static void
freed_while_the_name_is_looked_up (LinkFixture *fixture, gconstpointer unused)
{
  set_impossible_name (fixture);
  link_fixture_connect (fixture);
  link_fixture_free_link (fixture);
}

static void
freed_at_once (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect (fixture);
  link_fixture_free_link (fixture);
}

/* … by the kernel, while the main loop did not look yet. */
static void
freed_when_connected (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect (fixture);
  redis_server_await_client (fixture->server);
  link_fixture_free_link (fixture);
  redis_server_expect_end (fixture->server);
}

/* What comes */

static void
a_server_that_leaves (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect_ready (fixture);
  call (fixture, "TIME");
  redis_server_expect (fixture->server, "TIME");
  redis_server_close (fixture->server);
  link_fixture_expect_failure (fixture, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                               "the server closed the connection");
}

static void
a_server_that_leaves_at_the_door (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect (fixture);
  redis_server_expect (fixture->server, "PING");
  redis_server_close (fixture->server);
  link_fixture_expect_failure (fixture, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                               "the server closed the connection");
}

static void
a_server_that_leaves_in_the_middle_of_a_reply (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect_ready (fixture);
  call (fixture, "ONE");
  call (fixture, "TWO");
  redis_server_expect (fixture->server, "ONE");
  redis_server_expect (fixture->server, "TWO");
  redis_server_send (fixture->server, "+one\r\n$10\r\nhalf");
  redis_server_close (fixture->server);
  link_fixture_expect (fixture, "=one;failed;");
}

static void
a_connection_that_is_cut (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect_ready (fixture);
  redis_server_reset (fixture->server);
  link_fixture_expect_failure (fixture, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                               "Connection reset by peer");
}

#define MANY 3
#define LONG 50000 /* bytes: together more than is read at a time, less than a socket holds */

/* So many replies that they take several reads lie there when a write fails. */
static void
fail_a_write (LinkFixture *fixture)
{
  g_autofree char *filling = g_strnfill (LONG, 'x');
  g_autofree char *reply = g_strdup_printf ("$%d\r\n%s\r\n", LONG, filling);

  redis_server_free (fixture->server);
  fixture->server = redis_server_new_unix ();
  link_fixture_connect_ready (fixture);
  for (guint i = 0; i < MANY; i++)
    {
      call (fixture, "MORE");
      redis_server_expect (fixture->server, "MORE");
    }
  for (guint i = 0; i < MANY; i++)
    redis_server_send (fixture->server, reply);
  call (fixture, "TOO LATE");
  redis_server_close (fixture->server);
}

static void
expect_long (LinkFixture *fixture, guint n, const char *then)
{
  g_autofree char *filling = g_strnfill (LONG, 'x');
  g_autoptr (GString) diary = g_string_new (NULL);

  for (guint i = 0; i < n; i++)
    g_string_append_printf (diary, "=%s;", filling);
  g_string_append (diary, then);
  link_fixture_expect (fixture, diary->str);
}

static void
what_came_before_a_failed_write_counts (LinkFixture *fixture, gconstpointer unused)
{
  fail_a_write (fixture);
  expect_long (fixture, MANY, "failed;");
}

static void
freed_while_a_write_fails (LinkFixture *fixture, gconstpointer unused)
{
  fixture->free_at = 1 + 2; /* ready, and two replies */
  fail_a_write (fixture);
  expect_long (fixture, 2, "");
}

static void
another_protocol (LinkFixture *fixture, gconstpointer unused)
{
  fixture->server->blurt = "HTTP/1.1 400 Bad Request\r\n\r\n";
  link_fixture_connect (fixture);
  link_fixture_expect_failure (fixture, RD_REDIS_ERROR, RD_REDIS_ERROR_PROTOCOL,
                               "the answer is not in the Redis protocol: "
                               "Protocol error, got \"H\" as reply type byte");
}

static void
a_reply_that_nothing_asked_for (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect_ready (fixture);
  redis_server_send (fixture->server, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n");
  link_fixture_expect_failure (fixture, RD_REDIS_ERROR, RD_REDIS_ERROR_PROTOCOL,
                               "the server sent a reply without a command");
}

/* … but one says why the server is about to hang up. */
static void
an_error_that_nothing_asked_for (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect_ready (fixture);
  redis_server_send (fixture->server, "-ERR shutting down\r\n");
  link_fixture_expect_failure (fixture, RD_REDIS_ERROR, RD_REDIS_ERROR_REPLY, "ERR shutting down");
}

static void
a_line_over_the_limit (LinkFixture *fixture, gconstpointer unused)
{
  const gsize piece = 64 << 10;
  g_autofree char *text = g_strnfill (piece, 'x');

  link_fixture_connect_ready (fixture);
  call (fixture, "ALL");
  redis_server_expect (fixture->server, "ALL");
  redis_server_send (fixture->server, "+");
  for (gsize sent = 0; sent < RD_REDIS_LINE_MAX; sent += piece)
    {
      redis_server_send_bytes (fixture->server, text, piece);
      link_fixture_settle ();
    }
  link_fixture_expect_failure (fixture, RD_REDIS_ERROR, RD_REDIS_ERROR_TOO_BIG,
                               "the answer has a line of more than 1MiB");
}

/* An element is replaced by an error, and the connection goes on. */
static void
an_array_over_the_limit (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect_ready (fixture);
  call (fixture, "ALL");
  redis_server_expect (fixture->server, "ALL");
  redis_server_send (fixture->server, "*2000000000\r\n:1\r\n");
  link_fixture_expect (fixture, "=TOOBIG;");
}

static void
a_failed_link_does_nothing (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect_ready (fixture);
  redis_server_close (fixture->server);
  link_fixture_expect (fixture, "failed;");
  call (fixture, "TIME");
  rd_redis_link_subscribe (fixture->link, "broadcast");
  link_fixture_settle ();
}

/* Silence */

static void
silence_at_the_door (LinkFixture *fixture, gconstpointer unused)
{
  const gint64 start_us = g_get_monotonic_time ();

  fixture->timeouts = short_timeouts;
  link_fixture_connect (fixture);
  redis_server_expect_greeting (fixture->server);
  link_fixture_expect_failure (fixture, RD_REDIS_ERROR, RD_REDIS_ERROR_SILENT,
                               "no answer within 500ms");
  g_assert_cmpint (g_get_monotonic_time () - start_us, >=, 500 * G_TIME_SPAN_MILLISECOND);
  redis_server_expect_end (fixture->server);
}

/* Asked once, and given the time to answer. */
static void
silence (LinkFixture *fixture, gconstpointer unused)
{
  const gint64 start_us = g_get_monotonic_time ();

  fixture->timeouts = short_timeouts;
  link_fixture_connect_ready (fixture);
  redis_server_expect (fixture->server, "PING");
  link_fixture_expect_failure (fixture, RD_REDIS_ERROR, RD_REDIS_ERROR_SILENT,
                               "no answer within 500ms");
  g_assert_cmpint (g_get_monotonic_time () - start_us, >=, 550 * G_TIME_SPAN_MILLISECOND);
  redis_server_expect_end (fixture->server);
}

static void
silence_to_a_subscriber (LinkFixture *fixture, gconstpointer unused)
{
  fixture->timeouts = short_timeouts;
  link_fixture_connect_ready (fixture);
  rd_redis_link_subscribe (fixture->link, "c");
  redis_server_expect (fixture->server, "SUBSCRIBE c");
  redis_server_send (fixture->server, "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
  link_fixture_expect (fixture, ">[subscribe c 1];");
  redis_server_expect (fixture->server, "PING");
  link_fixture_expect_failure (fixture, RD_REDIS_ERROR, RD_REDIS_ERROR_SILENT,
                               "no answer within 500ms");
}

static void
an_answer_ends_the_silence (LinkFixture *fixture, gconstpointer unused)
{
  fixture->timeouts.probe_ms = 300;
  fixture->timeouts.answer_ms = 1000;
  link_fixture_connect_ready (fixture);
  for (guint i = 0; i < 5; i++)
    {
      redis_server_expect (fixture->server, "PING");
      redis_server_send (fixture->server, "+PONG\r\n");
    }
}

/* Silence after an answer is noticed as soon as silence before it. */
static void
an_answer_starts_the_silence_anew (LinkFixture *fixture, gconstpointer unused)
{
  gint64 start_us;

  fixture->timeouts.probe_ms = 50;
  fixture->timeouts.answer_ms = 10000;
  link_fixture_connect_ready (fixture);
  redis_server_expect (fixture->server, "PING");
  redis_server_send (fixture->server, "+PONG\r\n");
  start_us = g_get_monotonic_time ();
  redis_server_expect (fixture->server, "PING");
  g_assert_cmpint (g_get_monotonic_time () - start_us, <, 5 * G_TIME_SPAN_SECOND);
}

/* As from a server that is busy with a long command, or far away. */
static void
a_long_reply_is_no_silence (LinkFixture *fixture, gconstpointer unused)
{
  fixture->timeouts.probe_ms = 50;
  fixture->timeouts.answer_ms = 1000;
  link_fixture_connect_ready (fixture);
  call (fixture, "ALL");
  redis_server_expect (fixture->server, "ALL");
  redis_server_send (fixture->server, "$12\r\n");
  for (guint i = 0; i < 12; i++)
    {
      link_fixture_pass (100);
      redis_server_send (fixture->server, "x");
    }
  redis_server_send (fixture->server, "\r\n");
  link_fixture_expect (fixture, "=xxxxxxxxxxxx;");
}

static gboolean
on_awake (gpointer user_data)
{
  redis_server_send (user_data, "+PONG\r\n");
  return G_SOURCE_REMOVE;
}

/* The main loop was busy until the time was up, and the answer is there, but was not read. */
static void
our_own_sleep_is_no_silence (LinkFixture *fixture, gconstpointer unused)
{
  g_autoptr (GSource) waker = g_timeout_source_new_seconds (3600);

  g_source_set_callback (waker, on_awake, fixture->server, NULL);
  g_source_attach (waker, NULL); /* before the link's sources: so it has its turn before them */
  fixture->timeouts = short_timeouts;
  link_fixture_connect_ready (fixture);
  redis_server_expect (fixture->server, "PING");
  g_usleep (2 * short_timeouts.answer_ms * 1000);
  g_source_set_ready_time (waker, 0);
  redis_server_expect (fixture->server, "PING");
  redis_server_send (fixture->server, "+PONG\r\n");
}

/* Freed by whoever is told */

static void
ask_for_all (LinkFixture *fixture)
{
  call (fixture, "ONE");
  call (fixture, "TWO");
  rd_redis_link_subscribe (fixture->link, "c");
}

/* All that a link can tell comes at once, and the link is freed by the first, the second … of it.
 */
static void
freed_by_any_of_many (gconstpointer user_data)
{
  const char *const entries[] = { "ready;",           "=one;",  "=two;", ">[subscribe c 1];",
                                  ">[message c hi];", "failed;" };
  const guint n = GPOINTER_TO_UINT (user_data);
  g_autoptr (GString) expected = g_string_new (NULL);
  LinkFixture fixture = { 0 };

  link_fixture_set_up (&fixture, NULL);
  fixture.server->blurt = "+PONG\r\n+OK\r\n+one\r\n+two\r\n"
                          "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"
                          "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n"
                          "what?\r\n";
  fixture.when_ready = ask_for_all;
  fixture.free_at = n;
  for (guint i = 0; i < n; i++)
    g_string_append (expected, entries[i]);
  link_fixture_connect (&fixture);
  link_fixture_expect (&fixture, expected->str);
  redis_server_await_end (fixture.server);
  link_fixture_tear_down (&fixture, NULL);
}

static void
free_now (LinkFixture *fixture)
{
  const guint before = descriptors_count ();

  link_fixture_free_link (fixture);
  g_assert_cmpuint (descriptors_count (), ==, before - 1);
}

static void
is_closed_as_soon_as_it_is_freed (LinkFixture *fixture, gconstpointer unused)
{
  fixture->when_ready = free_now;
  link_fixture_connect_ready (fixture);
  redis_server_expect_end (fixture->server);
}

static void
set_up_to_free (LinkFixture *fixture, gconstpointer n_entries)
{
  link_fixture_set_up (fixture, NULL);
  fixture->free_at = GPOINTER_TO_UINT (n_entries);
}

static void
add_freeing_cases (void)
{
  for (guint n = 1; n <= 6; n++)
    {
      g_autofree char *path = g_strdup_printf ("/redis-link/freed/many/%u", n);

      g_test_add_data_func (path, GUINT_TO_POINTER (n), freed_by_any_of_many);
    }
  TEST ("/redis-link/freed/closed", is_closed_as_soon_as_it_is_freed);
  TEST_FREEING ("/redis-link/freed/port", a_closed_port, 1);
  TEST_FREEING ("/redis-link/freed/name", a_name_that_is_not_found, 1);
  TEST_FREEING ("/redis-link/freed/way", a_way_without_end, 1);
  TEST_FREEING ("/redis-link/freed/door", a_server_that_leaves_at_the_door, 1);
  TEST_FREEING ("/redis-link/freed/silence-at-door", silence_at_the_door, 1);
  TEST_FREEING ("/redis-link/freed/leaves", a_server_that_leaves, 2);
  TEST_FREEING ("/redis-link/freed/cut", a_connection_that_is_cut, 2);
  TEST_FREEING ("/redis-link/freed/silence", silence, 2);
  TEST_FREEING ("/redis-link/freed/failed-write", what_came_before_a_failed_write_counts, 5);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  TEST ("/redis-link/way/port", a_closed_port);
  TEST ("/redis-link/way/socket", a_socket_that_is_not_there);
  TEST ("/redis-link/way/name", a_name_that_is_not_found);
  TEST ("/redis-link/way/without-end", a_way_without_end);
  TEST ("/redis-link/way/freed", freed_on_the_way);
  TEST ("/redis-link/way/freed/name", freed_while_the_name_is_looked_up);
  TEST ("/redis-link/way/freed/at-once", freed_at_once);
  TEST ("/redis-link/way/freed/connected", freed_when_connected);
  TEST ("/redis-link/end/leaves", a_server_that_leaves);
  TEST ("/redis-link/end/door", a_server_that_leaves_at_the_door);
  TEST ("/redis-link/end/half", a_server_that_leaves_in_the_middle_of_a_reply);
  TEST ("/redis-link/end/cut", a_connection_that_is_cut);
  TEST ("/redis-link/end/failed-write", what_came_before_a_failed_write_counts);
  TEST ("/redis-link/end/failed-write/freed", freed_while_a_write_fails);
  TEST ("/redis-link/end/protocol", another_protocol);
  TEST ("/redis-link/end/unasked", a_reply_that_nothing_asked_for);
  TEST ("/redis-link/end/unasked-error", an_error_that_nothing_asked_for);
  TEST ("/redis-link/end/long-line", a_line_over_the_limit);
  TEST ("/redis-link/end/long-array", an_array_over_the_limit);
  TEST ("/redis-link/end/after", a_failed_link_does_nothing);
  TEST ("/redis-link/silence/door", silence_at_the_door);
  TEST ("/redis-link/silence/ready", silence);
  TEST ("/redis-link/silence/subscriber", silence_to_a_subscriber);
  TEST ("/redis-link/silence/answer", an_answer_ends_the_silence);
  TEST ("/redis-link/silence/anew", an_answer_starts_the_silence_anew);
  TEST ("/redis-link/silence/long-reply", a_long_reply_is_no_silence);
  TEST ("/redis-link/silence/own-sleep", our_own_sleep_is_no_silence);
  add_freeing_cases ();

  return g_test_run ();
}
