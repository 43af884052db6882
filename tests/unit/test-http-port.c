/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A port that one process passes on to the next, both in this one: each connection is answered by
 * exactly one of them, and none is refused, whichever way it ends. */

#include "descriptors.h"
#include "rd-http-port.h"
#include "rd-http.h"
#include "rd-sockets.h"

#define STRV(...)   ((const char *const[]){ __VA_ARGS__, NULL })
#define CROWD       40
#define PATIENCE_US (20 * G_USEC_PER_SEC)

typedef struct
{
  RdHttpPort *old;     /* owned, nullable */
  RdHttpPort *new;     /* owned, nullable */
  GPtrArray *offers;   /* RdSocket, owned, nullable */
  GPtrArray *visitors; /* GSocketConnection, owned */
  guint number;        /* of the port that is served */
} Fixture;

static void
on_request (SoupServer *soup,
            SoupServerMessage *message,
            const char *path,
            GHashTable *query,
            gpointer user_data)
{
  rd_http_reply (message, SOUP_STATUS_OK, "text/plain", user_data);
}

static const RdHttpPortEvents no_events = { 0 };

/* Returns: (transfer full): one that answers with @name. */
static RdHttpPort *
make_port (const char *name, const char *const *addresses, guint number, GPtrArray *offers)
{
  g_autoptr (GPtrArray) none = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;
  const RdHttpPortOptions options = { .addresses = addresses,
                                      .port = number,
                                      .inherited = none,
                                      .role = RD_ROLE_CLIENTS,
                                      .offers = offers,
                                      .max_connections = CROWD,
                                      .lifetime_us = PATIENCE_US,
                                      .crowded_lifetime_us = PATIENCE_US };
  RdHttpPort *port = rd_http_port_new (&options, &no_events, NULL, &error);

  g_assert_no_error (error);
  rd_http_port_add_handler (port, "/", on_request, (gpointer) name);
  return port;
}

static void
offer (Fixture *fixture)
{
  fixture->offers = rd_sockets_new ();
  rd_http_port_offer (fixture->old, fixture->offers);
}

static void
set_up (Fixture *fixture, gconstpointer addresses)
{
  const RdSocket *first;

  fixture->visitors = g_ptr_array_new_with_free_func (g_object_unref);
  fixture->old = make_port ("old", addresses != NULL ? addresses : STRV ("127.0.0.1"), 0, NULL);
  offer (fixture);
  first = fixture->offers->pdata[0];
  fixture->number = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (first->address));
}

static void
tear_down (Fixture *fixture, gconstpointer addresses)
{
  g_ptr_array_unref (fixture->visitors);
  g_clear_pointer (&fixture->offers, g_ptr_array_unref);
  g_clear_pointer (&fixture->new, rd_http_port_free);
  g_clear_pointer (&fixture->old, rd_http_port_free);
}

static void
succeed (Fixture *fixture, const char *const *addresses)
{
  fixture->new = make_port ("new", addresses, fixture->number, fixture->offers);
}

static void
say (GSocketConnection *visitor, const char *text)
{
  g_autoptr (GError) error = NULL;
  GOutputStream *out = g_io_stream_get_output_stream (G_IO_STREAM (visitor));

  g_output_stream_write_all (out, text, strlen (text), NULL, NULL, &error);
  g_assert_no_error (error);
}

/* Returns: (transfer none): a visitor in the middle of a question. */
static GSocketConnection *
enter (Fixture *fixture, const char *ip)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GError) error = NULL;
  GSocketConnection *visitor = g_socket_client_connect_to_host (client, ip, fixture->number, NULL,
                                                                &error);

  g_assert_no_error (error);
  g_ptr_array_add (fixture->visitors, visitor);
  g_socket_set_blocking (g_socket_connection_get_socket (visitor), FALSE);
  say (visitor, "GET / HTTP/1.1\r\nHost:");
  return visitor;
}

static void
finish_question (gpointer visitor, gpointer user_data)
{
  say (visitor, " localhost\r\n\r\n");
}

static void
visit (Fixture *fixture, const char *ip)
{
  finish_question (enter (fixture, ip), NULL);
}

static void
visit_often (Fixture *fixture)
{
  for (int i = 0; i < CROWD; i++)
    visit (fixture, "127.0.0.1");
}

static void
wait_for_connections (RdHttpPort *port, guint count)
{
  const gint64 deadline_us = g_get_monotonic_time () + PATIENCE_US;

  while (rd_http_port_get_connections (port) != count)
    {
      g_main_context_iteration (NULL, FALSE);
      g_assert_cmpint (g_get_monotonic_time (), <, deadline_us);
    }
}

/* Asserts that the answer to @visitor is @name's and nobody else's. */
static void
expect_answer (GSocketConnection *visitor, const char *name)
{
  GSocket *socket = g_socket_connection_get_socket (visitor);
  const gint64 deadline_us = g_get_monotonic_time () + PATIENCE_US;
  g_autoptr (GString) answer = g_string_new (NULL);
  char buffer[1024];
  gssize n = -1;

  while (n != 0)
    {
      g_autoptr (GError) error = NULL;

      g_main_context_iteration (NULL, FALSE);
      n = g_socket_receive (socket, buffer, sizeof buffer, NULL, &error);
      if (n > 0)
        g_string_append_len (answer, buffer, n);
      else if (n < 0)
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
      g_assert_cmpint (g_get_monotonic_time (), <, deadline_us);
    }

  g_assert_true (g_str_has_prefix (answer->str, "HTTP/1.1 200 OK\r\n"));
  g_assert_true (g_str_has_suffix (answer->str, name));
  g_assert_null (strstr (answer->str + 1, "HTTP/1.1"));
}

/* Asserts that all who came are answered by @name, and forgets them. */
static void
expect_answers (Fixture *fixture, const char *name)
{
  for (guint i = 0; i < fixture->visitors->len; i++)
    expect_answer (fixture->visitors->pdata[i], name);
  g_ptr_array_set_size (fixture->visitors, 0);
}

/* Asserts that none of those who came is accepted: all that there is to do is done. */
static void
expect_nothing (Fixture *fixture)
{
  while (g_main_context_iteration (NULL, FALSE))
    continue;

  if (fixture->old != NULL)
    g_assert_cmpuint (rd_http_port_get_connections (fixture->old), ==, 0);
  if (fixture->new != NULL)
    g_assert_cmpuint (rd_http_port_get_connections (fixture->new), ==, 0);
  for (guint i = 0; i < fixture->visitors->len; i++)
    g_assert_false (g_socket_condition_check (
                      g_socket_connection_get_socket (fixture->visitors->pdata[i]), G_IO_IN)
                    & G_IO_IN);
}

static void
expect_refusal (Fixture *fixture, const char *ip)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GError) error = NULL;

  g_assert_null (g_socket_client_connect_to_host (client, ip, fixture->number, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
}

static void
a_successor_answers_all_since_the_pause (Fixture *fixture, gconstpointer data)
{
  visit_often (fixture);
  expect_answers (fixture, "old");

  succeed (fixture, STRV ("127.0.0.1"));
  visit_often (fixture);
  expect_answers (fixture, "old"); /* it serves as long as it has not let go */

  rd_http_port_pause (fixture->old);
  visit_often (fixture);
  expect_nothing (fixture);
  rd_http_port_resume (fixture->new);
  g_clear_pointer (&fixture->old, rd_http_port_free);
  expect_answers (fixture, "new");

  visit_often (fixture);
  expect_answers (fixture, "new");
}

static void
without_a_successor_the_old_one_goes_on (Fixture *fixture, gconstpointer data)
{
  succeed (fixture, STRV ("127.0.0.1", "127.0.0.2"));
  rd_http_port_pause (fixture->old);
  visit_often (fixture);
  expect_nothing (fixture);

  g_clear_pointer (&fixture->new, rd_http_port_free);
  g_clear_pointer (&fixture->offers, g_ptr_array_unref);
  rd_http_port_resume (fixture->old);
  expect_answers (fixture, "old");
  expect_refusal (fixture, "127.0.0.2");
}

static void
who_is_in_is_served_during_the_pause (Fixture *fixture, gconstpointer data)
{
  enter (fixture, "127.0.0.1");
  wait_for_connections (fixture->old, 1);
  rd_http_port_pause (fixture->old);
  g_ptr_array_foreach (fixture->visitors, finish_question, NULL);
  expect_answers (fixture, "old");
  wait_for_connections (fixture->old, 0);
}

/* The port has a pace of its own, by how many are there: none with as many as may be. */
static void
a_pause_outlasts_a_crowd (Fixture *fixture, gconstpointer data)
{
  for (int i = 0; i < CROWD; i++)
    enter (fixture, "127.0.0.1");
  wait_for_connections (fixture->old, CROWD);
  rd_http_port_pause (fixture->old);
  g_ptr_array_foreach (fixture->visitors, finish_question, NULL);
  expect_answers (fixture, "old");
  wait_for_connections (fixture->old, 0);

  visit_often (fixture);
  expect_nothing (fixture);
  rd_http_port_resume (fixture->old);
  expect_answers (fixture, "old");
}

static void
who_waits_at_an_address_given_up_is_served (Fixture *fixture, gconstpointer addresses)
{
  succeed (fixture, STRV ("127.0.0.1"));
  rd_http_port_pause (fixture->old);
  visit (fixture, "127.0.0.1");
  visit (fixture, "127.0.0.2");
  expect_nothing (fixture);

  rd_http_port_resume (fixture->new);
  expect_refusal (fixture, "127.0.0.2"); /* though the old one has the socket still */
  g_clear_pointer (&fixture->old, rd_http_port_free);
  expect_answers (fixture, "new");
}

static void
from_one_address_to_all (Fixture *fixture, gconstpointer data)
{
  succeed (fixture, STRV ("0.0.0.0"));
  rd_http_port_pause (fixture->old);
  visit_often (fixture);
  visit (fixture, "127.0.0.2");
  expect_nothing (fixture);

  rd_http_port_resume (fixture->new);
  g_clear_pointer (&fixture->old, rd_http_port_free);
  visit_often (fixture);
  expect_answers (fixture, "new");
}

static void
from_all_addresses_to_one (Fixture *fixture, gconstpointer addresses)
{
  visit_often (fixture);
  visit (fixture, "127.0.0.2");
  expect_answers (fixture, "old");
  rd_http_port_pause (fixture->old);
  visit_often (fixture); /* these wait at the old socket, */
  succeed (fixture, STRV ("127.0.0.1"));
  visit_often (fixture); /* and these at the new one */
  visit (fixture, "127.0.0.2");
  expect_nothing (fixture);

  rd_http_port_resume (fixture->new);
  expect_refusal (fixture, "127.0.0.2");
  g_clear_pointer (&fixture->old, rd_http_port_free);
  visit_often (fixture);
  expect_answers (fixture, "new");
}

static void
what_another_port_may_want_is_left_to_it (Fixture *fixture, gconstpointer data)
{
  RdSocket *other = rd_socket_copy (fixture->offers->pdata[0]);

  other->role = RD_ROLE_ADMIN;
  g_ptr_array_set_size (fixture->offers, 0);
  g_ptr_array_add (fixture->offers, other);
  fixture->new = make_port ("new", STRV ("127.0.0.1"), 0, fixture->offers);
  rd_http_port_resume (fixture->new);

  g_assert_cmpuint (fixture->offers->len, ==, 1);
  visit_often (fixture);
  expect_answers (fixture, "old");
}

static void
nothing_stays_open (void)
{
  Fixture fixture = { 0 };
  guint before;

  set_up (&fixture, NULL); /* the main context and libsoup open some for ever */
  tear_down (&fixture, NULL);
  before = descriptors_count ();

  for (int i = 0; i < 3; i++)
    {
      set_up (&fixture, STRV ("127.0.0.1", "127.0.0.2"));
      succeed (&fixture, STRV ("127.0.0.1", "127.0.0.3"));
      rd_http_port_pause (fixture.old);
      rd_http_port_resume (fixture.new);
      tear_down (&fixture, NULL);
      g_assert_cmpuint (descriptors_count (), ==, before);
    }
}

#define PORT_TEST(path, addresses, function) \
  g_test_add (path, Fixture, addresses, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  const char *const two[] = { "127.0.0.1", "127.0.0.2", NULL };
  const char *const all[] = { "0.0.0.0", NULL };

  g_test_init (&argc, &argv, NULL);

  PORT_TEST ("/http-port/succession", NULL, a_successor_answers_all_since_the_pause);
  PORT_TEST ("/http-port/way-back", NULL, without_a_successor_the_old_one_goes_on);
  PORT_TEST ("/http-port/pause", NULL, who_is_in_is_served_during_the_pause);
  PORT_TEST ("/http-port/pause/crowd", NULL, a_pause_outlasts_a_crowd);
  PORT_TEST ("/http-port/given-up", two, who_waits_at_an_address_given_up_is_served);
  PORT_TEST ("/http-port/one-to-all", NULL, from_one_address_to_all);
  PORT_TEST ("/http-port/all-to-one", all, from_all_addresses_to_one);
  PORT_TEST ("/http-port/other-role", NULL, what_another_port_may_want_is_left_to_it);
  g_test_add_func ("/http-port/descriptors", nothing_stays_open);

  return g_test_run ();
}
