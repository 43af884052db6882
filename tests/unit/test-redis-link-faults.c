/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Faults of a link: each is reported once, with its reason, and frees all resources; and every
 * event may free the link. */

#include "redis-link-fixture.h"

#include "descriptors.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TEST(path, func) \
  g_test_add (path, LinkFixture, NULL, link_fixture_set_up, func, link_fixture_tear_down)

/* The link is freed at event number @n. */
#define TEST_FREEING(path, func, n) \
  g_test_add (path, LinkFixture, GUINT_TO_POINTER (n), set_up_to_free, func, link_fixture_tear_down)

static const RdRedisTimeouts short_timeouts
  = { .connect_ms = 100, .probe_ms = 50, .answer_ms = 500 };

static void
call (LinkFixture *fixture, const char *word)
{
  rd_redis_link_call_words (fixture->link, link_fixture_log_reply, fixture, word, NULL);
}

static void
set_host (LinkFixture *fixture, const char *host)
{
  g_free (fixture->server->url->host);
  fixture->server->url->host = g_strdup (host);
}

/* Connecting */

static void
a_closed_port (LinkFixture *fixture, gconstpointer unused)
{
  redis_server_stop (fixture->server);
  link_fixture_connect (fixture);
  link_fixture_expect_failure (fixture, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED,
                               "Connection refused");
}

static void
a_missing_socket (LinkFixture *fixture, gconstpointer unused)
{
  fixture->server->url->path = g_strdup ("/nonexistent/redis");
  link_fixture_connect (fixture);
  link_fixture_expect_failure (fixture, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                               "No such file or directory");
}

/* A label of 64 characters, one over the limit: no name server is asked. */
static void
set_invalid_name (LinkFixture *fixture)
{
  g_autofree char *label = g_strnfill (64, 'x');

  set_host (fixture, label);
}

static void
an_unknown_name (LinkFixture *fixture, gconstpointer unused)
{
  set_invalid_name (fixture);
  link_fixture_connect (fixture);
  link_fixture_expect (fixture, "failed;");
  g_assert_cmpuint (fixture->error->domain, ==, G_RESOLVER_ERROR);
  g_assert_null (strstr (fixture->error->message, "xxx"));
}

/* A port that does not answer: its backlog is full. */
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
a_connect_timeout (LinkFixture *fixture, gconstpointer unused)
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
freed_while_connecting (LinkFixture *fixture, gconstpointer unused)
{
  FullPort port;

  full_port_open (&port, fixture);
  link_fixture_connect (fixture);
  link_fixture_wait (20);
  link_fixture_free_link (fixture);
  full_port_close (&port);
}

static void
freed_while_the_name_is_looked_up (LinkFixture *fixture, gconstpointer unused)
{
  set_invalid_name (fixture);
  link_fixture_connect (fixture);
  link_fixture_free_link (fixture);
}

static void
freed_at_once (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect (fixture);
  link_fixture_free_link (fixture);
}

/* Connected by the kernel, but not seen by the main loop yet. */
static void
freed_when_connected (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect (fixture);
  redis_server_await_client (fixture->server);
  link_fixture_free_link (fixture);
  redis_server_expect_close (fixture->server);
}

/* Input and output */

static void
a_server_that_closes (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect_ready (fixture);
  call (fixture, "TIME");
  redis_server_expect (fixture->server, "TIME");
  redis_server_close (fixture->server);
  link_fixture_expect_failure (fixture, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                               "the server closed the connection");
}

static void
a_server_that_closes_during_the_login (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect (fixture);
  redis_server_expect (fixture->server, "PING");
  redis_server_close (fixture->server);
  link_fixture_expect_failure (fixture, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                               "the server closed the connection");
}

static void
a_server_that_closes_within_a_reply (LinkFixture *fixture, gconstpointer unused)
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
a_connection_that_is_reset (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect_ready (fixture);
  redis_server_reset (fixture->server);
  link_fixture_expect_failure (fixture, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                               "Connection reset by peer");
}

#define MANY 3
#define LONG 50000 /* bytes: together more than one read, but less than a socket buffer */

/* Unread replies that need several reads are waiting when a write fails. */
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
expect_long_replies (LinkFixture *fixture, guint n, const char *then)
{
  g_autofree char *filling = g_strnfill (LONG, 'x');
  g_autoptr (GString) events = g_string_new (NULL);

  for (guint i = 0; i < n; i++)
    g_string_append_printf (events, "=%s;", filling);
  g_string_append (events, then);
  link_fixture_expect (fixture, events->str);
}

static void
replies_before_a_failed_write_are_read (LinkFixture *fixture, gconstpointer unused)
{
  fail_a_write (fixture);
  expect_long_replies (fixture, MANY, "failed;");
}

static void
freed_while_a_write_fails (LinkFixture *fixture, gconstpointer unused)
{
  fixture->free_at = 1 + 2; /* ready, and two replies */
  fail_a_write (fixture);
  expect_long_replies (fixture, 2, "");
}

static void
a_server_of_another_protocol (LinkFixture *fixture, gconstpointer unused)
{
  fixture->server->banner = "HTTP/1.1 400 Bad Request\r\n\r\n";
  link_fixture_connect (fixture);
  link_fixture_expect_failure (fixture, RD_REDIS_ERROR, RD_REDIS_ERROR_PROTOCOL,
                               "the answer does not follow the Redis protocol: "
                               "Protocol error, got \"H\" as reply type byte");
}

static void
a_reply_without_a_command (LinkFixture *fixture, gconstpointer unused)
{
  link_fixture_connect_ready (fixture);
  redis_server_send (fixture->server, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n");
  link_fixture_expect_failure (fixture, RD_REDIS_ERROR, RD_REDIS_ERROR_PROTOCOL,
                               "the server sent a reply while no command was pending");
}

/* An error without a command is the reason why the server closes the connection. */
static void
an_error_without_a_command (LinkFixture *fixture, gconstpointer unused)
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
silence_during_the_login (LinkFixture *fixture, gconstpointer unused)
{
  const gint64 start_us = g_get_monotonic_time ();

  fixture->timeouts = short_timeouts;
  link_fixture_connect (fixture);
  redis_server_expect_login (fixture->server);
  link_fixture_expect_failure (fixture, RD_REDIS_ERROR, RD_REDIS_ERROR_SILENT,
                               "no answer within 500ms");
  g_assert_cmpint (g_get_monotonic_time () - start_us, >=, 500 * G_TIME_SPAN_MILLISECOND);
  redis_server_expect_close (fixture->server);
}

/* One PING, and the time to answer it. */
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
  redis_server_expect_close (fixture->server);
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

/* The next PING follows after probe_ms, not after answer_ms. */
static void
an_answer_restarts_the_interval (LinkFixture *fixture, gconstpointer unused)
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

/* As of a slow network: a byte from time to time is enough. */
static void
a_slow_reply_is_not_silence (LinkFixture *fixture, gconstpointer unused)
{
  fixture->timeouts.probe_ms = 50;
  fixture->timeouts.answer_ms = 1000;
  link_fixture_connect_ready (fixture);
  call (fixture, "ALL");
  redis_server_expect (fixture->server, "ALL");
  redis_server_send (fixture->server, "$12\r\n");
  for (guint i = 0; i < 12; i++)
    {
      link_fixture_wait (100);
      redis_server_send (fixture->server, "x");
    }
  redis_server_send (fixture->server, "\r\n");
  link_fixture_expect (fixture, "=xxxxxxxxxxxx;");
}

static gboolean
on_wake (gpointer user_data)
{
  redis_server_send (user_data, "+PONG\r\n");
  return G_SOURCE_REMOVE;
}

/* This process was blocked for longer than answer_ms; the answer has arrived, but is unread. */
static void
our_own_pause_is_not_silence (LinkFixture *fixture, gconstpointer unused)
{
  g_autoptr (GSource) wake_source = g_timeout_source_new_seconds (3600);

  g_source_set_callback (wake_source, on_wake, fixture->server, NULL);
  g_source_attach (wake_source, NULL); /* before the link's sources, to be dispatched first */
  fixture->timeouts = short_timeouts;
  link_fixture_connect_ready (fixture);
  redis_server_expect (fixture->server, "PING");
  g_usleep (2 * short_timeouts.answer_ms * 1000);
  g_source_set_ready_time (wake_source, 0);
  redis_server_expect (fixture->server, "PING");
  redis_server_send (fixture->server, "+PONG\r\n");
}

/* Freed by an event */

static void
send_commands (LinkFixture *fixture)
{
  call (fixture, "ONE");
  call (fixture, "TWO");
  rd_redis_link_subscribe (fixture->link, "c");
}

/* All kinds of events happen in one iteration, and the link is freed by one of them. */
static void
freed_by_one_of_many (gconstpointer user_data)
{
  const char *const events[] = { "ready;",           "=one;",  "=two;", ">[subscribe c 1];",
                                 ">[message c hi];", "failed;" };
  const guint n = GPOINTER_TO_UINT (user_data);
  g_autoptr (GString) expected = g_string_new (NULL);
  LinkFixture fixture = { 0 };

  link_fixture_set_up (&fixture, NULL);
  fixture.server->banner = REDIS_LOGGED_IN "+one\r\n+two\r\n"
                                           "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"
                                           "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n"
                                           "what?\r\n";
  fixture.when_ready = send_commands;
  fixture.free_at = n;
  for (guint i = 0; i < n; i++)
    g_string_append (expected, events[i]);
  link_fixture_connect (&fixture);
  link_fixture_expect (&fixture, expected->str);
  redis_server_await_close (fixture.server);
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
is_closed_when_freed (LinkFixture *fixture, gconstpointer unused)
{
  fixture->when_ready = free_now;
  link_fixture_connect_ready (fixture);
  redis_server_expect_close (fixture->server);
}

static void
set_up_to_free (LinkFixture *fixture, gconstpointer n_events)
{
  link_fixture_set_up (fixture, NULL);
  fixture->free_at = GPOINTER_TO_UINT (n_events);
}

static void
add_freeing_cases (void)
{
  for (guint n = 1; n <= 6; n++)
    {
      g_autofree char *path = g_strdup_printf ("/redis-link/freed/many/%u", n);

      g_test_add_data_func (path, GUINT_TO_POINTER (n), freed_by_one_of_many);
    }
  TEST ("/redis-link/freed/closed", is_closed_when_freed);
  TEST_FREEING ("/redis-link/freed/port", a_closed_port, 1);
  TEST_FREEING ("/redis-link/freed/name", an_unknown_name, 1);
  TEST_FREEING ("/redis-link/freed/timeout", a_connect_timeout, 1);
  TEST_FREEING ("/redis-link/freed/login", a_server_that_closes_during_the_login, 1);
  TEST_FREEING ("/redis-link/freed/silence-in-login", silence_during_the_login, 1);
  TEST_FREEING ("/redis-link/freed/closes", a_server_that_closes, 2);
  TEST_FREEING ("/redis-link/freed/reset", a_connection_that_is_reset, 2);
  TEST_FREEING ("/redis-link/freed/silence", silence, 2);
  TEST_FREEING ("/redis-link/freed/failed-write", replies_before_a_failed_write_are_read, 5);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  TEST ("/redis-link/connect/port", a_closed_port);
  TEST ("/redis-link/connect/socket", a_missing_socket);
  TEST ("/redis-link/connect/name", an_unknown_name);
  TEST ("/redis-link/connect/timeout", a_connect_timeout);
  TEST ("/redis-link/connect/freed", freed_while_connecting);
  TEST ("/redis-link/connect/freed/name", freed_while_the_name_is_looked_up);
  TEST ("/redis-link/connect/freed/at-once", freed_at_once);
  TEST ("/redis-link/connect/freed/connected", freed_when_connected);
  TEST ("/redis-link/end/closes", a_server_that_closes);
  TEST ("/redis-link/end/login", a_server_that_closes_during_the_login);
  TEST ("/redis-link/end/half", a_server_that_closes_within_a_reply);
  TEST ("/redis-link/end/reset", a_connection_that_is_reset);
  TEST ("/redis-link/end/failed-write", replies_before_a_failed_write_are_read);
  TEST ("/redis-link/end/failed-write/freed", freed_while_a_write_fails);
  TEST ("/redis-link/end/protocol", a_server_of_another_protocol);
  TEST ("/redis-link/end/no-command", a_reply_without_a_command);
  TEST ("/redis-link/end/no-command-error", an_error_without_a_command);
  TEST ("/redis-link/end/long-line", a_line_over_the_limit);
  TEST ("/redis-link/end/long-array", an_array_over_the_limit);
  TEST ("/redis-link/end/after", a_failed_link_does_nothing);
  TEST ("/redis-link/silence/login", silence_during_the_login);
  TEST ("/redis-link/silence/ready", silence);
  TEST ("/redis-link/silence/subscriber", silence_to_a_subscriber);
  TEST ("/redis-link/silence/answer", an_answer_ends_the_silence);
  TEST ("/redis-link/silence/interval", an_answer_restarts_the_interval);
  TEST ("/redis-link/silence/slow-reply", a_slow_reply_is_not_silence);
  TEST ("/redis-link/silence/own-pause", our_own_pause_is_not_silence);
  add_freeing_cases ();

  return g_test_run ();
}
