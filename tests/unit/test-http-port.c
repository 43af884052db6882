/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Takeover of an HTTP port, with both ports in this process: each connection is answered by exactly
 * one of them, and none is refused, whether the takeover succeeds or not. */

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "descriptors.h"
#include "rd-http-port.h"
#include "rd-http.h"
#include "rd-sockets.h"

#define STRV(...)  ((const char *const[]){ __VA_ARGS__, NULL })
#define N_CLIENTS  40
#define TIMEOUT_US (20 * G_USEC_PER_SEC)

typedef struct
{
  RdHttpPort *old;        /* owned, nullable */
  RdHttpPort *new;        /* owned, nullable */
  GPtrArray *offers;      /* RdSocket, owned, nullable */
  GPtrArray *connections; /* GSocketConnection, owned: client side */
  guint number;           /* port number */
} Fixture;

/* Makes the next accept4() with the flags @flags (SOCK_NONBLOCK or 0) fail with @error. */
static void
set_accept_error (int flags, int error)
{
  g_dataset_set_data (g_main_context_default (),
                      flags == SOCK_NONBLOCK ? "accept-error" : "refuse-error",
                      GINT_TO_POINTER (error));
}

static int
get_accept_error (int flags)
{
  return GPOINTER_TO_INT (g_dataset_get_data (
    g_main_context_default (), flags == SOCK_NONBLOCK ? "accept-error" : "refuse-error"));
}

/* Replaces accept4() of libc. */
int
accept4 (int fd, struct sockaddr *address, socklen_t *size, int flags)
{
  const int error = get_accept_error (flags & SOCK_NONBLOCK);

  if (error == 0)
    return syscall (SYS_accept4, fd, address, size, flags);

  set_accept_error (flags & SOCK_NONBLOCK, 0);
  errno = error;
  return -1;
}

static void
on_request (SoupServer *soup,
            SoupServerMessage *message,
            const char *path,
            GHashTable *query,
            gpointer user_data)
{
  rd_http_reply (message, SOUP_STATUS_OK, "text/plain", user_data);
}

/* Returns: (transfer full): a port that replies to every request with @name. */
static RdHttpPort *
make_port (const char *name, const char *const *addresses, guint number, GPtrArray *offers)
{
  g_autoptr (GError) error = NULL;
  const RdBindingOptions binding
    = { .addresses = addresses, .port = number, .role = RD_ROLE_CLIENTS, .offers = offers };
  const RdHttpPortOptions options = { .binding = &binding, .lifetime_us = TIMEOUT_US };
  RdHttpPort *port = rd_http_port_new (&options, &error);

  g_assert_no_error (error);
  rd_http_port_add_handler (port, "/", on_request, (gpointer) name);
  return port;
}

static void
make_offers (Fixture *fixture)
{
  fixture->offers = rd_sockets_new ();
  rd_http_port_offer (fixture->old, fixture->offers);
}

static void
set_up (Fixture *fixture, gconstpointer addresses)
{
  const RdSocket *first;

  fixture->connections = g_ptr_array_new_with_free_func (g_object_unref);
  fixture->old = make_port ("old", addresses != NULL ? addresses : STRV ("127.0.0.1"), 0, NULL);
  make_offers (fixture);
  first = fixture->offers->pdata[0];
  fixture->number = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (first->address));
}

static void
tear_down (Fixture *fixture, gconstpointer addresses)
{
  g_ptr_array_unref (fixture->connections);
  g_clear_pointer (&fixture->offers, g_ptr_array_unref);
  g_clear_pointer (&fixture->new, rd_http_port_free);
  g_clear_pointer (&fixture->old, rd_http_port_free);
}

static void
start_new (Fixture *fixture, const char *const *addresses)
{
  fixture->new = make_port ("new", addresses, fixture->number, fixture->offers);
}

static void
send_text (GSocketConnection *connection, const char *text)
{
  g_autoptr (GError) error = NULL;
  GOutputStream *out = g_io_stream_get_output_stream (G_IO_STREAM (connection));

  g_output_stream_write_all (out, text, strlen (text), NULL, NULL, &error);
  g_assert_no_error (error);
}

/* Returns: (transfer full): a client that looks up no proxy: a look-up would use descriptors. */
static GSocketClient *
make_client (void)
{
  GSocketClient *client = g_socket_client_new ();

  g_socket_client_set_enable_proxy (client, FALSE);
  return client;
}

/* Connects and sends part of a request. Returns: (transfer none): the connection. */
static GSocketConnection *
connect_partly (Fixture *fixture, const char *ip)
{
  g_autoptr (GSocketClient) client = make_client ();
  g_autoptr (GError) error = NULL;
  GSocketConnection *connection = g_socket_client_connect_to_host (client, ip, fixture->number,
                                                                   NULL, &error);

  g_assert_no_error (error);
  g_ptr_array_add (fixture->connections, connection);
  g_socket_set_blocking (g_socket_connection_get_socket (connection), FALSE);
  send_text (connection, "GET / HTTP/1.1\r\nHost:");
  return connection;
}

static void
finish_request (gpointer connection, gpointer user_data)
{
  send_text (connection, " localhost\r\n\r\n");
}

static void
connect_to (Fixture *fixture, const char *ip)
{
  finish_request (connect_partly (fixture, ip), NULL);
}

static void
connect_clients (Fixture *fixture)
{
  for (int i = 0; i < N_CLIENTS; i++)
    connect_to (fixture, "127.0.0.1");
}

static void
wait_for_connections (RdHttpPort *port, guint count)
{
  const gint64 deadline_us = g_get_monotonic_time () + TIMEOUT_US;

  while (rd_http_port_get_connections (port) != count)
    {
      g_main_context_iteration (NULL, FALSE);
      g_assert_cmpint (g_get_monotonic_time (), <, deadline_us);
    }
}

/* Returns: (transfer full): everything that the port sends on @connection before it closes. */
static GString *
read_reply (GSocketConnection *connection)
{
  GSocket *socket = g_socket_connection_get_socket (connection);
  const gint64 deadline_us = g_get_monotonic_time () + TIMEOUT_US;
  GString *reply = g_string_new (NULL);
  char buffer[1024];
  gssize n = -1;

  while (n != 0)
    {
      g_autoptr (GError) error = NULL;

      g_main_context_iteration (NULL, FALSE);
      n = g_socket_receive (socket, buffer, sizeof buffer, NULL, &error);
      if (n > 0)
        g_string_append_len (reply, buffer, n);
      else if (n < 0)
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
      g_assert_cmpint (g_get_monotonic_time (), <, deadline_us);
    }

  return reply;
}

/* Asserts that only the port with the name @name replies on @connection. */
static void
expect_reply (GSocketConnection *connection, const char *name)
{
  g_autoptr (GString) reply = read_reply (connection);

  g_assert_true (g_str_has_prefix (reply->str, "HTTP/1.1 200 OK\r\n"));
  g_assert_true (g_str_has_suffix (reply->str, name));
  g_assert_null (strstr (reply->str + 1, "HTTP/1.1"));
}

/* Asserts that the port with the name @name replies on all connections; closes them. */
static void
expect_replies (Fixture *fixture, const char *name)
{
  for (guint i = 0; i < fixture->connections->len; i++)
    expect_reply (fixture->connections->pdata[i], name);
  g_ptr_array_set_size (fixture->connections, 0);
}

/* Runs the main loop until it is idle; asserts that no port has accepted a connection. */
static void
expect_no_accept (Fixture *fixture)
{
  while (g_main_context_iteration (NULL, FALSE))
    continue;

  if (fixture->old != NULL)
    g_assert_cmpuint (rd_http_port_get_connections (fixture->old), ==, 0);
  if (fixture->new != NULL)
    g_assert_cmpuint (rd_http_port_get_connections (fixture->new), ==, 0);
  for (guint i = 0; i < fixture->connections->len; i++)
    g_assert_false (g_socket_condition_check (
                      g_socket_connection_get_socket (fixture->connections->pdata[i]), G_IO_IN)
                    & G_IO_IN);
}

static void
expect_refusal (Fixture *fixture, const char *ip)
{
  g_autoptr (GSocketClient) client = make_client ();
  g_autoptr (GError) error = NULL;

  g_assert_null (g_socket_client_connect_to_host (client, ip, fixture->number, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
}

static void
the_new_port_serves_all_connections_since_the_pause (Fixture *fixture, gconstpointer data)
{
  connect_clients (fixture);
  expect_replies (fixture, "old");

  start_new (fixture, STRV ("127.0.0.1"));
  connect_clients (fixture);
  expect_replies (fixture, "old"); /* the new port accepts only after resume */

  rd_http_port_pause (fixture->old);
  connect_clients (fixture);
  expect_no_accept (fixture);
  rd_http_port_resume (fixture->new);
  g_clear_pointer (&fixture->old, rd_http_port_free);
  expect_replies (fixture, "new");

  connect_clients (fixture);
  expect_replies (fixture, "new");
}

static void
the_old_port_continues_without_a_new_port (Fixture *fixture, gconstpointer data)
{
  start_new (fixture, STRV ("127.0.0.1", "127.0.0.2"));
  rd_http_port_pause (fixture->old);
  connect_clients (fixture);
  expect_no_accept (fixture);

  g_clear_pointer (&fixture->new, rd_http_port_free);
  g_clear_pointer (&fixture->offers, g_ptr_array_unref);
  rd_http_port_resume (fixture->old);
  expect_replies (fixture, "old");
  expect_refusal (fixture, "127.0.0.2");
}

static void
accepted_connections_are_served_during_the_pause (Fixture *fixture, gconstpointer data)
{
  connect_partly (fixture, "127.0.0.1");
  wait_for_connections (fixture->old, 1);
  rd_http_port_pause (fixture->old);
  g_ptr_array_foreach (fixture->connections, finish_request, NULL);
  expect_replies (fixture, "old");
  wait_for_connections (fixture->old, 0);
}

static void
connections_waiting_at_a_removed_address_are_served (Fixture *fixture, gconstpointer addresses)
{
  start_new (fixture, STRV ("127.0.0.1"));
  rd_http_port_pause (fixture->old);
  connect_to (fixture, "127.0.0.1");
  connect_to (fixture, "127.0.0.2");
  expect_no_accept (fixture);

  rd_http_port_resume (fixture->new);
  expect_refusal (fixture, "127.0.0.2"); /* although the old port has the socket open */
  g_clear_pointer (&fixture->old, rd_http_port_free);
  expect_replies (fixture, "new");
}

static void
a_new_port_can_change_from_one_address_to_all (Fixture *fixture, gconstpointer data)
{
  start_new (fixture, STRV ("0.0.0.0"));
  rd_http_port_pause (fixture->old);
  connect_clients (fixture);
  connect_to (fixture, "127.0.0.2");
  expect_no_accept (fixture);

  rd_http_port_resume (fixture->new);
  g_clear_pointer (&fixture->old, rd_http_port_free);
  connect_clients (fixture);
  expect_replies (fixture, "new");
}

static void
a_new_port_can_change_from_all_addresses_to_one (Fixture *fixture, gconstpointer addresses)
{
  connect_clients (fixture);
  connect_to (fixture, "127.0.0.2");
  expect_replies (fixture, "old");
  rd_http_port_pause (fixture->old);
  connect_clients (fixture); /* in the backlog of the old socket */
  start_new (fixture, STRV ("127.0.0.1"));
  connect_clients (fixture); /* in the backlog of the new socket */
  connect_to (fixture, "127.0.0.2");
  expect_no_accept (fixture);

  rd_http_port_resume (fixture->new);
  expect_refusal (fixture, "127.0.0.2");
  g_clear_pointer (&fixture->old, rd_http_port_free);
  connect_clients (fixture);
  expect_replies (fixture, "new");
}

static void
offers_of_another_role_are_not_used (Fixture *fixture, gconstpointer data)
{
  RdSocket *other = rd_socket_copy (fixture->offers->pdata[0]);

  other->role = RD_ROLE_ADMIN;
  g_ptr_array_set_size (fixture->offers, 0);
  g_ptr_array_add (fixture->offers, other);
  fixture->new = make_port ("new", STRV ("127.0.0.1"), 0, fixture->offers);
  rd_http_port_resume (fixture->new);

  g_assert_cmpuint (fixture->offers->len, ==, 1);
  connect_clients (fixture);
  expect_replies (fixture, "old");
}

/* Sends a head of @size bytes. Returns: (transfer full): the reply. */
static GString *
ask_with_head (Fixture *fixture, gsize size)
{
  GSocketConnection *connection = connect_partly (fixture, "127.0.0.1"); /* sends 21 bytes */
  g_autofree char *rest = g_strdup_printf (" localhost\r\nX: %0*d\r\n\r\n", (int) size - 40, 0);

  send_text (connection, rest);
  return read_reply (connection);
}

static void
a_head_has_at_most_8_kib (Fixture *fixture, gconstpointer data)
{
  const gsize sizes[] = { RD_PENDING_HEAD_MAX, RD_PENDING_HEAD_MAX + 1, RD_PENDING_HEAD_MAX + 2 };

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr (GString) reply = ask_with_head (fixture, sizes[i]);

      g_assert_true (g_str_has_prefix (reply->str, i == 0 ? "HTTP/1.1 200 " : "HTTP/1.1 431 "));
    }
}

static void
no_descriptor_is_leaked (void)
{
  Fixture fixture = { 0 };
  guint before;

  set_up (&fixture, NULL); /* main context and libsoup open descriptors and keep them */
  tear_down (&fixture, NULL);
  before = descriptors_count ();

  for (int i = 0; i < 3; i++)
    {
      set_up (&fixture, STRV ("127.0.0.1", "127.0.0.2"));
      start_new (&fixture, STRV ("127.0.0.1", "127.0.0.3"));
      rd_http_port_pause (fixture.old);
      rd_http_port_resume (fixture.new);
      tear_down (&fixture, NULL);
      g_assert_cmpuint (descriptors_count (), ==, before);
    }
}

/* Opens descriptors until only @n_left are available. Returns: (transfer full) (element-type int):
 * the descriptors, for free_descriptors(). */
static GArray *
use_descriptors (guint n_left)
{
  GArray *fds = g_array_new (FALSE, FALSE, sizeof (int));
  const struct rlimit limit = { .rlim_cur = 512, .rlim_max = 512 };
  int fd;

  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limit));
  while ((fd = dup (STDERR_FILENO)) >= 0)
    g_array_append_val (fds, fd);
  g_assert_cmpint (errno, ==, EMFILE);
  for (; n_left > 0; n_left--)
    {
      close (g_array_index (fds, int, fds->len - 1));
      g_array_set_size (fds, fds->len - 1);
    }
  return fds;
}

static void
free_descriptors (GArray *fds)
{
  for (guint i = 0; i < fds->len; i++)
    close (g_array_index (fds, int, i));
  g_array_unref (fds);
}

/* Linux allocates the descriptor before it checks the backlog: accept() can fail with EMFILE
 * although no connection is waiting. This must not cause a warning. */
static void
the_last_descriptor_is_used_without_a_warning (Fixture *fixture, gconstpointer data)
{
  GArray *fds;

  connect_partly (fixture, "127.0.0.1");
  fds = use_descriptors (1);
  wait_for_connections (fixture->old, 1); /* a warning is fatal */
  free_descriptors (fds);

  g_ptr_array_foreach (fixture->connections, finish_request, NULL);
  expect_replies (fixture, "old");
}

/* accept(2), "Error handling": such an error must neither be logged nor pause accepting. */
static void
errors_of_one_connection_do_not_affect_others (Fixture *fixture, gconstpointer data)
{
  static const int errors[] = { EINTR, ECONNABORTED, EPROTO, ENETDOWN, ENETUNREACH, EHOSTUNREACH };

  for (gsize i = 0; i < G_N_ELEMENTS (errors); i++)
    {
      set_accept_error (SOCK_NONBLOCK, errors[i]);
      connect_to (fixture, "127.0.0.1");
      expect_replies (fixture, "old");
      g_assert_cmpint (get_accept_error (SOCK_NONBLOCK), ==, 0);
    }
}

static void
an_interrupted_refusal_is_repeated (Fixture *fixture, gconstpointer data)
{
  GSocketConnection *connection = connect_partly (fixture, "127.0.0.1");
  GArray *fds = use_descriptors (0);

  g_test_expect_message ("ringdown", G_LOG_LEVEL_WARNING, "Cannot accept all connections*");
  set_accept_error (0, EINTR);
  while (get_accept_error (0) != 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (g_socket_condition_timed_wait (g_socket_connection_get_socket (connection),
                                                G_IO_IN, TIMEOUT_US / 10, NULL, NULL));
  g_test_assert_expected_messages ();
  free_descriptors (fds);
}

/* The spare descriptor does not help, for example at the limit of the whole system. */
static void
without_a_spare_descriptor_accepting_pauses (Fixture *fixture, gconstpointer data)
{
  GSocketConnection *connection = connect_partly (fixture, "127.0.0.1");
  GArray *fds = use_descriptors (0);

  g_test_expect_message ("ringdown", G_LOG_LEVEL_WARNING, "Cannot accept all connections*");
  set_accept_error (0, EMFILE);
  while (get_accept_error (0) != 0)
    g_main_context_iteration (NULL, TRUE);
  g_test_assert_expected_messages ();
  g_assert_false (g_main_context_iteration (NULL, FALSE)); /* although the connection is waiting */
  free_descriptors (fds);

  finish_request (connection, NULL);
  expect_replies (fixture, "old");
}

static void
without_a_descriptor_a_connection_is_closed (Fixture *fixture, gconstpointer data)
{
  GSocketConnection *connection = connect_partly (fixture, "127.0.0.1");
  GSocket *socket = g_socket_connection_get_socket (connection);
  const gint64 deadline_us = g_get_monotonic_time () + TIMEOUT_US;
  GArray *fds = use_descriptors (0);

  g_test_expect_message ("ringdown", G_LOG_LEVEL_WARNING,
                         "Cannot accept all connections on 127.0.0.1:*: Too many open files*");
  while (g_socket_condition_check (socket, G_IO_IN) == 0)
    {
      g_main_context_iteration (NULL, FALSE);
      g_assert_cmpint (g_get_monotonic_time (), <, deadline_us);
    }
  g_test_assert_expected_messages ();
  free_descriptors (fds);

  g_ptr_array_set_size (fixture->connections, 0);
  connect_to (fixture, "127.0.0.1");
  expect_replies (fixture, "old");
}

#define PORT_TEST(path, addresses, function) \
  g_test_add (path, Fixture, addresses, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  const char *const two[] = { "127.0.0.1", "127.0.0.2", NULL };
  const char *const all[] = { "0.0.0.0", NULL };

  g_test_init (&argc, &argv, NULL);

  PORT_TEST ("/http-port/takeover", NULL, the_new_port_serves_all_connections_since_the_pause);
  PORT_TEST ("/http-port/takeover/failed", NULL, the_old_port_continues_without_a_new_port);
  PORT_TEST ("/http-port/pause", NULL, accepted_connections_are_served_during_the_pause);
  PORT_TEST ("/http-port/removed-address", two,
             connections_waiting_at_a_removed_address_are_served);
  PORT_TEST ("/http-port/one-to-all", NULL, a_new_port_can_change_from_one_address_to_all);
  PORT_TEST ("/http-port/all-to-one", all, a_new_port_can_change_from_all_addresses_to_one);
  PORT_TEST ("/http-port/other-role", NULL, offers_of_another_role_are_not_used);
  PORT_TEST ("/http-port/head-size", NULL, a_head_has_at_most_8_kib);
  g_test_add_func ("/http-port/descriptors", no_descriptor_is_leaked);
  PORT_TEST ("/http-port/descriptors/last", NULL, the_last_descriptor_is_used_without_a_warning);
  PORT_TEST ("/http-port/descriptors/none", NULL, without_a_descriptor_a_connection_is_closed);
  PORT_TEST ("/http-port/errors", NULL, errors_of_one_connection_do_not_affect_others);
  PORT_TEST ("/http-port/errors/interrupted", NULL, an_interrupted_refusal_is_repeated);
  PORT_TEST ("/http-port/descriptors/no-spare", NULL, without_a_spare_descriptor_accepting_pauses);

  return g_test_run ();
}
