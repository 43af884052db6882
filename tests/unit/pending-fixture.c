/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A set of connections over TCP, whose clients are in the same thread. */

#include "pending-fixture.h"

#include "descriptors.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIFETIME_US (60 * G_TIME_SPAN_SECOND)
#define TIMEOUT_MS  30000

static RdPendingState
on_look (int fd, const char *data, gsize size, gboolean is_last, gpointer user_data)
{
  PendingFixture *fixture = user_data;
  const gboolean is_complete = memchr (data, '.', size) != NULL;

  fixture->n_looks++;
  fixture->size = size;
  fixture->is_last = is_last;
  if (!is_complete && !(is_last && fixture->is_answering_last))
    return RD_PENDING_WAITING;

  switch (is_complete ? data[0] : 'A')
    {
    case 'A':
      g_assert_cmpint (send (fd, PENDING_ANSWER, strlen (PENDING_ANSWER), MSG_NOSIGNAL), ==,
                       strlen (PENDING_ANSWER));
      return RD_PENDING_ANSWERED;
    case 'S':
      return RD_PENDING_SERVED;
    default:
      g_array_append_val (fixture->taken, fd);
      return RD_PENDING_TAKEN;
    }
}

static void
on_serve (GSocketConnection *connection, gpointer user_data)
{
  PendingFixture *fixture = user_data;
  const int fd = g_socket_get_fd (g_socket_connection_get_socket (connection));
  char data[64];
  const gssize n = recv (fd, data, sizeof data, MSG_DONTWAIT);

  if (n > 0)
    g_string_append_len (fixture->requests, data, n);
  g_ptr_array_add (fixture->served, g_object_ref (connection));
}

static void
on_timed_out (int fd, gpointer user_data)
{
  ((PendingFixture *) user_data)->n_timed_out++;
}

static const RdPendingEvents events
  = { .look = on_look, .serve = on_serve, .timed_out = on_timed_out };

static void
close_fd (gpointer fd)
{
  close (*(int *) fd);
}

static GArray *
new_fds (void)
{
  GArray *fds = g_array_new (FALSE, FALSE, sizeof (int));

  g_array_set_clear_func (fds, close_fd);
  return fds;
}

void
pending_fixture_use_lifetime (PendingFixture *fixture, gint64 lifetime_us)
{
  g_autoptr (GError) error = NULL;

  g_clear_pointer (&fixture->pending, rd_pending_free);
  fixture->pending = rd_pending_new (lifetime_us, &events, fixture, &error);
  g_assert_no_error (error);
}

void
pending_fixture_set_up (PendingFixture *fixture, gconstpointer data)
{
  const struct sockaddr_in any_port = { .sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };

  g_main_context_iteration (NULL, FALSE); /* opens the descriptors of the main context */
  fixture->descriptors = descriptors_count ();
  fixture->clients = new_fds ();
  fixture->taken = new_fds ();
  fixture->served = g_ptr_array_new_with_free_func (g_object_unref);
  fixture->requests = g_string_new (NULL);
  pending_fixture_use_lifetime (fixture, LIFETIME_US);

  fixture->listen_fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_no_errno (fixture->listen_fd);
  g_assert_no_errno (
    bind (fixture->listen_fd, (const struct sockaddr *) &any_port, sizeof any_port));
  g_assert_no_errno (listen (fixture->listen_fd, 1));
}

void
pending_fixture_tear_down (PendingFixture *fixture, gconstpointer data)
{
  g_clear_pointer (&fixture->pending, rd_pending_free);
  g_ptr_array_unref (fixture->served);
  g_string_free (fixture->requests, TRUE);
  g_array_unref (fixture->taken);
  g_array_unref (fixture->clients);
  close (fixture->listen_fd);
  g_assert_cmpuint (descriptors_count (), ==, fixture->descriptors);
}

int
pending_fixture_connect (PendingFixture *fixture, int *server_fd)
{
  const int client = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int is_set = TRUE;
  const struct timeval timeout = { .tv_sec = TIMEOUT_MS / 1000 };
  struct sockaddr_in address;
  socklen_t size = sizeof address;

  g_assert_no_errno (client);
  g_assert_no_errno (getsockname (fixture->listen_fd, (struct sockaddr *) &address, &size));
  g_assert_no_errno (setsockopt (client, IPPROTO_TCP, TCP_NODELAY, &is_set, sizeof is_set));
  g_assert_no_errno (setsockopt (client, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout));
  g_assert_no_errno (connect (client, (const struct sockaddr *) &address, size));
  *server_fd = accept4 (fixture->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  g_assert_no_errno (*server_fd);
  g_array_append_val (fixture->clients, client);
  return client;
}

int
pending_fixture_join (PendingFixture *fixture, const char *text)
{
  int server_fd;
  const int client = pending_fixture_connect (fixture, &server_fd);

  client_send (client, text);
  if (*text != '\0')
    pending_fixture_wait_readable (server_fd);
  rd_pending_add (fixture->pending, server_fd);
  return client;
}

guint
pending_fixture_count (PendingFixture *fixture, RdPendingState state)
{
  return rd_pending_count (fixture->pending, state);
}

guint
pending_fixture_count_all (PendingFixture *fixture)
{
  guint n = 0;

  for (guint state = 0; state < RD_PENDING_N; state++)
    n += pending_fixture_count (fixture, state);
  return n;
}

void
pending_fixture_settle (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    continue;
}

void
pending_fixture_wait_readable (int fd)
{
  struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

  g_assert_cmpint (poll (&poll_fd, 1, TIMEOUT_MS), ==, 1);
}

void
client_send (int client, const char *text)
{
  g_assert_cmpint (send (client, text, strlen (text), MSG_NOSIGNAL), ==, strlen (text));
}

void
client_reset (int client)
{
  const struct linger linger = { .l_onoff = 1 };
  const int other = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_no_errno (setsockopt (client, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
  g_assert_no_errno (dup2 (other, client)); /* closes; the fixture closes the number again */
  close (other);
}

void
client_expect_end (int client, const char *data)
{
  char buffer[64];
  gsize size = 0;
  gssize n;

  while ((n = recv (client, buffer + size, sizeof buffer - 1 - size, 0)) > 0)
    size += n;
  buffer[size] = '\0';
  g_assert_cmpstr (buffer, ==, data);
  g_assert_cmpint (n, ==, 0);
}

void
client_expect_cut (int client)
{
  char byte;
  const gssize n = recv (client, &byte, 1, 0);

  g_assert_true (n == 0 || (n < 0 && errno == ECONNRESET));
}

void
client_expect_open (int client)
{
  char byte;

  g_assert_cmpint (recv (client, &byte, 1, MSG_PEEK | MSG_DONTWAIT), <, 0);
  g_assert_cmpint (errno, ==, EAGAIN);
}
