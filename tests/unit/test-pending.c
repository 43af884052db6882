/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Connections that wait for their request: when they are presented, and what clients see. */

#include "pending-fixture.h"

#include "descriptors.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DISCARD_MAX (1024 * 1024)
#define PIECE       16384

static void
a_silent_connection_waits_and_is_not_presented (PendingFixture *fixture, gconstpointer data)
{
  const int client = pending_fixture_join (fixture, "");

  pending_fixture_settle ();
  g_assert_cmpuint (pending_fixture_count (fixture, RD_PENDING_WAITING), ==, 1);
  g_assert_cmpuint (fixture->n_looks, ==, 0);
  client_expect_open (client);
}

static void
all_bytes_are_presented_whenever_more_arrive (PendingFixture *fixture, gconstpointer data)
{
  const int client = pending_fixture_join (fixture, "T1");

  g_assert_cmpuint (fixture->n_looks, ==, 1); /* without the main loop */
  g_assert_cmpuint (fixture->size, ==, 2);
  for (guint i = 3; i < 10; i++)
    {
      client_send (client, "x");
      WAIT_FOR (fixture->n_looks == i - 1);
      g_assert_cmpuint (fixture->size, ==, i);
      g_assert_false (fixture->is_last);
      g_assert_cmpuint (pending_fixture_count (fixture, RD_PENDING_WAITING), ==, 1);
    }
}

static void
a_taken_socket_is_left_alone_with_its_input (PendingFixture *fixture, gconstpointer data)
{
  const int client = pending_fixture_join (fixture, "T1");
  char buffer[64];
  int fd;

  client_send (client, ".and more");
  WAIT_FOR (fixture->taken->len == 1);
  g_assert_cmpuint (pending_fixture_count_all (fixture), ==, 0);
  g_assert_cmpuint (descriptors_count_watched (), ==, 0);

  fd = g_array_index (fixture->taken, int, 0);
  g_assert_cmpint (recv (fd, buffer, sizeof buffer, 0), ==, strlen ("T1.and more"));
  client_send (client, "frames");
  pending_fixture_settle ();
  pending_fixture_wait_readable (fd);
  g_assert_cmpint (recv (fd, buffer, sizeof buffer, 0), ==, strlen ("frames"));
  g_assert_cmpuint (fixture->n_looks, ==, 2);
}

static void
a_request_that_is_there_at_first_is_not_watched (PendingFixture *fixture, gconstpointer data)
{
  pending_fixture_join (fixture, "T1.");
  pending_fixture_join (fixture, "S2.");
  g_assert_cmpuint (fixture->taken->len, ==, 1);
  g_assert_cmpuint (fixture->served->len, ==, 1);
  g_assert_cmpuint (descriptors_count_watched (), ==, 0);
}

static void
an_answered_client_gets_the_answer_then_the_end (PendingFixture *fixture, gconstpointer data)
{
  const int client = pending_fixture_join (fixture, "A1.");

  g_assert_cmpuint (pending_fixture_count (fixture, RD_PENDING_ANSWERED), ==, 1);
  client_expect_end (client, PENDING_ANSWER);
  for (int i = 0; i < 3; i++)
    {
      client_send (client, "more."); /* is neither presented nor answered with a reset */
      pending_fixture_settle ();
      client_expect_end (client, "");
    }
  g_assert_cmpuint (fixture->n_looks, ==, 1);
  g_assert_cmpuint (pending_fixture_count (fixture, RD_PENDING_ANSWERED), ==, 1);

  shutdown (client, SHUT_WR);
  WAIT_FOR (pending_fixture_count_all (fixture) == 0);
}

static void
a_client_that_is_still_sending_gets_the_whole_answer (PendingFixture *fixture, gconstpointer data)
{
  g_autofree char *body = g_strnfill (PIECE, 'x');
  const int client = pending_fixture_join (fixture, "A1.");
  gsize sent = 0;

  while (sent < DISCARD_MAX / 2)
    {
      sent += MAX (send (client, body, PIECE, MSG_DONTWAIT | MSG_NOSIGNAL), 0);
      g_main_context_iteration (NULL, FALSE);
    }
  shutdown (client, SHUT_WR);
  WAIT_FOR (pending_fixture_count_all (fixture) == 0);
  client_expect_end (client, PENDING_ANSWER);
}

static void
at_most_1_mib_is_discarded (PendingFixture *fixture, gconstpointer data)
{
  const int size = PIECE; /* of the client's buffer, too: sent bytes are received soon */
  g_autofree char *body = g_strnfill (size, 'x');
  const int client = pending_fixture_join (fixture, "A1.");
  gsize sent = 0;
  gssize n = 0;

  g_assert_no_errno (setsockopt (client, SOL_SOCKET, SO_SNDBUF, &size, sizeof size));
  while (pending_fixture_count_all (fixture) > 0)
    {
      n = send (client, body, size, MSG_DONTWAIT | MSG_NOSIGNAL);
      sent += MAX (n, 0);
      g_assert_cmpuint (sent, <, 3 * DISCARD_MAX); /* some of it is in the kernel's buffers */
      g_main_context_iteration (NULL, FALSE);
    }
  g_assert_cmpuint (sent, >=, DISCARD_MAX);
  g_assert_cmpuint (fixture->n_timed_out, ==, 0);
}

static void
a_served_connection_counts_until_it_is_disposed (PendingFixture *fixture, gconstpointer data)
{
  const int client = pending_fixture_join (fixture, "S1");

  client_send (client, ".");
  WAIT_FOR (fixture->served->len == 1);
  g_assert_cmpstr (fixture->requests->str, ==, "S1.");
  g_assert_cmpuint (pending_fixture_count (fixture, RD_PENDING_SERVED), ==, 1);
  g_assert_cmpuint (descriptors_count_watched (), ==, 0);

  client_send (client, "S2.");
  pending_fixture_settle ();
  g_assert_cmpuint (fixture->n_looks, ==, 2);
  client_expect_open (client);

  g_ptr_array_set_size (fixture->served, 0);
  g_assert_cmpuint (pending_fixture_count_all (fixture), ==, 0);
  client_expect_cut (client);
}

static void
many_requests_at_once_are_all_presented (PendingFixture *fixture, gconstpointer data)
{
  const guint n = 200; /* more than are taken from the epoll set at once */

  for (guint i = 0; i < n; i++)
    pending_fixture_join (fixture, "");
  for (guint i = 0; i < n; i++)
    client_send (g_array_index (fixture->clients, int, i), "A.");
  WAIT_FOR (fixture->n_looks == n);
  g_assert_cmpuint (pending_fixture_count (fixture, RD_PENDING_ANSWERED), ==, n);
  for (guint i = 0; i < n; i++)
    client_expect_end (g_array_index (fixture->clients, int, i), PENDING_ANSWER);
}

static void
a_connection_that_ends_without_a_byte_is_not_presented (PendingFixture *fixture, gconstpointer data)
{
  int server_fd;
  const int early = pending_fixture_connect (fixture, &server_fd);
  const int late = pending_fixture_join (fixture, "");
  const int rude = pending_fixture_join (fixture, "");

  shutdown (early, SHUT_WR);
  pending_fixture_wait_readable (server_fd);
  rd_pending_add (fixture->pending, server_fd);
  g_assert_cmpuint (pending_fixture_count_all (fixture), ==, 2);

  shutdown (late, SHUT_WR);
  client_reset (rude);
  WAIT_FOR (pending_fixture_count_all (fixture) == 0);
  g_assert_cmpuint (fixture->n_looks, ==, 0);
  g_assert_cmpuint (fixture->n_timed_out, ==, 0);
  client_expect_end (early, "");
  client_expect_end (late, "");
}

static void
the_end_within_a_request_is_presented_as_the_last_look (PendingFixture *fixture, gconstpointer data)
{
  int server_fd;
  const int early = pending_fixture_connect (fixture, &server_fd);
  const int late = pending_fixture_join (fixture, "S2");

  client_send (early, "S1");
  shutdown (early, SHUT_WR);
  rd_pending_add (fixture->pending, server_fd);
  WAIT_FOR (fixture->is_last);
  g_assert_cmpuint (pending_fixture_count_all (fixture), ==, 1);
  client_expect_cut (early);

  fixture->is_last = FALSE;
  fixture->is_answering_last = TRUE;
  shutdown (late, SHUT_WR);
  WAIT_FOR (fixture->is_last);
  g_assert_cmpuint (fixture->size, ==, 2);
  g_assert_cmpuint (pending_fixture_count_all (fixture), ==, 0);
  client_expect_end (late, PENDING_ANSWER);
}

static void
a_client_may_stop_sending_after_its_request (PendingFixture *fixture, gconstpointer data)
{
  int server_fd;
  const int whole = pending_fixture_connect (fixture, &server_fd);
  const int rest = pending_fixture_join (fixture, "A2");
  const int served = pending_fixture_join (fixture, "S3");

  client_send (whole, "A1.");
  shutdown (whole, SHUT_WR);
  rd_pending_add (fixture->pending, server_fd);
  client_send (rest, ".");
  shutdown (rest, SHUT_WR);
  client_send (served, ".");
  shutdown (served, SHUT_WR);

  WAIT_FOR (fixture->served->len == 1 && pending_fixture_count_all (fixture) == 1);
  client_expect_end (whole, PENDING_ANSWER);
  client_expect_end (rest, PENDING_ANSWER);
  client_expect_open (served);
}

static void
a_reset_connection_is_removed (PendingFixture *fixture, gconstpointer data)
{
  const int waiting = pending_fixture_join (fixture, "W");
  const int answered = pending_fixture_join (fixture, "A1.");

  client_reset (waiting);
  client_reset (answered);
  WAIT_FOR (pending_fixture_count_all (fixture) == 0);
  g_assert_cmpuint (fixture->n_timed_out, ==, 0);
}

/* Sends a request of @n_pieces, with a look at each of them except the last. */
static int
send_pieces (PendingFixture *fixture, guint n_pieces, const char *last)
{
  const int client = pending_fixture_join (fixture, "A");

  for (guint i = 1; i < n_pieces - 1; i++)
    {
      client_send (client, "x");
      WAIT_FOR (fixture->n_looks == i + 1);
      g_assert_false (fixture->is_last);
      g_assert_cmpuint (pending_fixture_count (fixture, RD_PENDING_WAITING), ==, 1);
    }
  client_send (client, last);
  WAIT_FOR (fixture->n_looks == n_pieces);
  return client;
}

static void
a_request_may_have_64_pieces (PendingFixture *fixture, gconstpointer data)
{
  client_expect_end (send_pieces (fixture, PENDING_LOOKS_MAX, "."), PENDING_ANSWER);
}

static void
the_64th_look_is_the_last (PendingFixture *fixture, gconstpointer data)
{
  const int client = send_pieces (fixture, PENDING_LOOKS_MAX, "x");

  g_assert_true (fixture->is_last);
  g_assert_cmpuint (pending_fixture_count_all (fixture), ==, 0);
  client_expect_cut (client);
}

static void
a_request_may_have_8_kib (PendingFixture *fixture, gconstpointer data)
{
  g_autofree char *head = g_strnfill (RD_PENDING_HEAD_MAX, 'x');
  const int client = pending_fixture_join (fixture, head);

  WAIT_FOR (fixture->size == RD_PENDING_HEAD_MAX);
  g_assert_false (fixture->is_last);
  g_assert_cmpuint (pending_fixture_count (fixture, RD_PENDING_WAITING), ==, 1);

  client_send (client, "x");
  WAIT_FOR (fixture->size == RD_PENDING_HEAD_MAX + 1);
  g_assert_true (fixture->is_last);
  client_expect_cut (client);
}

static void
more_than_8_kib_are_not_presented (PendingFixture *fixture, gconstpointer data)
{
  g_autofree char *head = g_strnfill (3 * RD_PENDING_HEAD_MAX, 'x');
  int client;

  fixture->is_answering_last = TRUE;
  client = pending_fixture_join (fixture, head);
  WAIT_FOR (fixture->is_last);
  g_assert_cmpuint (fixture->size, ==, RD_PENDING_HEAD_MAX + 1);
  client_expect_end (client, PENDING_ANSWER);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  PENDING_TEST ("/pending/silent", a_silent_connection_waits_and_is_not_presented);
  PENDING_TEST ("/pending/look", all_bytes_are_presented_whenever_more_arrive);
  PENDING_TEST ("/pending/look/many", many_requests_at_once_are_all_presented);
  PENDING_TEST ("/pending/look/at-first", a_request_that_is_there_at_first_is_not_watched);
  PENDING_TEST ("/pending/taken", a_taken_socket_is_left_alone_with_its_input);
  PENDING_TEST ("/pending/answered", an_answered_client_gets_the_answer_then_the_end);
  PENDING_TEST ("/pending/answered/sending", a_client_that_is_still_sending_gets_the_whole_answer);
  PENDING_TEST ("/pending/answered/limit", at_most_1_mib_is_discarded);
  PENDING_TEST ("/pending/served", a_served_connection_counts_until_it_is_disposed);
  PENDING_TEST ("/pending/end", a_connection_that_ends_without_a_byte_is_not_presented);
  PENDING_TEST ("/pending/end/within", the_end_within_a_request_is_presented_as_the_last_look);
  PENDING_TEST ("/pending/end/after", a_client_may_stop_sending_after_its_request);
  PENDING_TEST ("/pending/end/reset", a_reset_connection_is_removed);
  PENDING_TEST ("/pending/pieces", a_request_may_have_64_pieces);
  PENDING_TEST ("/pending/pieces/limit", the_64th_look_is_the_last);
  PENDING_TEST ("/pending/size", a_request_may_have_8_kib);
  PENDING_TEST ("/pending/size/limit", more_than_8_kib_are_not_presented);

  return g_test_run ();
}
