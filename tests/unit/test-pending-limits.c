/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Connections that wait for their request: lifetime, order, number of served ones, and moving. */

#include "pending-fixture.h"

#include "descriptors.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LONG_US  (60 * G_TIME_SPAN_SECOND)
#define SHORT_US (200 * G_TIME_SPAN_MILLISECOND)

static void
each_connection_has_its_lifetime_whatever_it_does (PendingFixture *fixture, gconstpointer data)
{
  gint64 begin_us = g_get_monotonic_time ();
  guint n_sent = 0;
  int silent, slow, answered, served;

  pending_fixture_use_lifetime (fixture, SHORT_US);
  silent = pending_fixture_join (fixture, "");
  slow = pending_fixture_join (fixture, "A");
  answered = pending_fixture_join (fixture, "A.");
  served = pending_fixture_join (fixture, "S.");
  g_assert_cmpuint (pending_fixture_count_all (fixture), ==, 4);
  while (pending_fixture_count_all (fixture) > 0)
    {
      g_main_context_iteration (NULL, FALSE);
      if (n_sent < PENDING_LOOKS_MAX / 2 && pending_fixture_count (fixture, RD_PENDING_WAITING) == 2
          && g_get_monotonic_time () - begin_us > n_sent * SHORT_US / (PENDING_LOOKS_MAX / 2))
        n_sent += send (slow, "x", 1, MSG_NOSIGNAL);
      if (pending_fixture_count_all (fixture) == 4)
        continue;
      g_assert_cmpint (g_get_monotonic_time () - begin_us, >=, SHORT_US);
    }

  g_assert_cmpuint (fixture->n_timed_out, ==, 3); /* the answered one is not counted again */
  client_expect_cut (silent);
  client_expect_cut (slow);
  client_expect_end (answered, PENDING_ANSWER);
  client_expect_cut (served);
  g_assert_cmpint (g_socket_get_fd (g_socket_connection_get_socket (fixture->served->pdata[0])), >=,
                   0); /* shut down, but its owner closes it */
}

static void
a_lifetime_begins_when_the_connection_is_added (PendingFixture *fixture, gconstpointer data)
{
  gint64 begin_us = g_get_monotonic_time ();

  pending_fixture_use_lifetime (fixture, SHORT_US);
  pending_fixture_join (fixture, "");
  WAIT_FOR (g_get_monotonic_time () - begin_us > SHORT_US / 2);
  begin_us = g_get_monotonic_time ();
  pending_fixture_join (fixture, "");
  WAIT_FOR (pending_fixture_count_all (fixture) == 0);
  g_assert_cmpint (g_get_monotonic_time () - begin_us, >=, SHORT_US);
  g_assert_cmpuint (fixture->n_timed_out, ==, 2);

  begin_us = g_get_monotonic_time (); /* while no timer is armed */
  pending_fixture_join (fixture, "");
  WAIT_FOR (pending_fixture_count_all (fixture) == 0);
  g_assert_cmpint (g_get_monotonic_time () - begin_us, >=, SHORT_US);
  g_assert_cmpuint (fixture->n_timed_out, ==, 3);
}

static void
the_connection_that_waits_longest_is_closed_first (PendingFixture *fixture, gconstpointer data)
{
  const int answered = pending_fixture_join (fixture, "A1.");
  const int served = pending_fixture_join (fixture, "S2.");
  const int first = pending_fixture_join (fixture, "");
  const int second = pending_fixture_join (fixture, "A4");
  const int third = pending_fixture_join (fixture, "");
  const int fourth = pending_fixture_join (fixture, "");

  client_send (third, "A5.");
  WAIT_FOR (pending_fixture_count (fixture, RD_PENDING_ANSWERED) == 2);

  g_assert_true (rd_pending_close_oldest (fixture->pending, RD_PENDING_WAITING));
  client_expect_cut (first);
  client_expect_open (second);

  g_assert_true (rd_pending_close_oldest (fixture->pending, RD_PENDING_WAITING));
  client_expect_cut (second);
  client_expect_open (fourth);

  g_assert_true (rd_pending_close_oldest (fixture->pending, RD_PENDING_WAITING));
  client_expect_cut (fourth);
  g_assert_false (rd_pending_close_oldest (fixture->pending, RD_PENDING_WAITING));

  g_assert_cmpuint (pending_fixture_count (fixture, RD_PENDING_ANSWERED), ==, 2);
  g_assert_cmpuint (pending_fixture_count (fixture, RD_PENDING_SERVED), ==, 1);
  client_expect_end (answered, PENDING_ANSWER);
  client_expect_end (third, PENDING_ANSWER);
  client_expect_open (served);
  g_assert_cmpuint (fixture->n_timed_out, ==, 0);
}

/* As while a child process has copies of the sockets, between fork() and exec(). */
static void
a_closed_connection_has_no_events_even_if_its_socket_is_open (PendingFixture *fixture,
                                                              gconstpointer data)
{
  int server_fd, copy;
  const int client = pending_fixture_connect (fixture, &server_fd);

  copy = dup (server_fd);
  rd_pending_add (fixture->pending, server_fd);
  g_assert_true (rd_pending_close_oldest (fixture->pending, RD_PENDING_WAITING));
  g_assert_cmpuint (descriptors_count_watched (), ==, 0);

  client_send (client, "A.");
  pending_fixture_settle ();
  g_assert_cmpuint (fixture->n_looks, ==, 0);
  close (copy);
}

static void
held_connections_are_not_closed_for_others (PendingFixture *fixture, gconstpointer data)
{
  for (guint i = 0; i <= PENDING_SERVED_MAX; i++)
    pending_fixture_join (fixture, "S.");

  g_assert_cmpuint (pending_fixture_count (fixture, RD_PENDING_HELD), ==, 1);
  g_assert_false (rd_pending_close_oldest (fixture->pending, RD_PENDING_WAITING));
}

static void
held_connections_are_served_in_order (PendingFixture *fixture, gconstpointer data)
{
  g_autoptr (GString) expected = g_string_new (NULL);
  const guint n = PENDING_SERVED_MAX + 20;

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *request = g_strdup_printf ("S%u.", i);

      pending_fixture_join (fixture, request);
      g_string_append (expected, request);
    }
  pending_fixture_settle ();
  g_assert_cmpuint (pending_fixture_count (fixture, RD_PENDING_SERVED), ==, PENDING_SERVED_MAX);
  g_assert_cmpuint (pending_fixture_count (fixture, RD_PENDING_HELD), ==, n - PENDING_SERVED_MAX);
  g_assert_cmpuint (fixture->served->len, ==, PENDING_SERVED_MAX);

  g_ptr_array_remove_index (fixture->served, 5);
  WAIT_FOR (fixture->served->len == PENDING_SERVED_MAX);
  g_assert_cmpuint (pending_fixture_count (fixture, RD_PENDING_SERVED), ==, PENDING_SERVED_MAX);
  g_assert_cmpuint (pending_fixture_count (fixture, RD_PENDING_HELD), ==,
                    n - PENDING_SERVED_MAX - 1);

  g_ptr_array_set_size (fixture->served, 0);
  WAIT_FOR (pending_fixture_count (fixture, RD_PENDING_HELD) == 0);
  g_assert_cmpuint (pending_fixture_count (fixture, RD_PENDING_SERVED), ==,
                    n - PENDING_SERVED_MAX - 1);
  g_assert_cmpstr (fixture->requests->str, ==, expected->str);
}

/* Without the main loop, so that the reset is not seen before the connection is served. */
static void
a_held_connection_that_was_reset_does_not_hinder_others (PendingFixture *fixture,
                                                         gconstpointer data)
{
  int gone;

  for (guint i = 0; i < PENDING_SERVED_MAX; i++)
    pending_fixture_join (fixture, "S.");
  gone = pending_fixture_join (fixture, "Sgone.");
  pending_fixture_join (fixture, "Snext.");
  client_reset (gone);

  g_ptr_array_remove_range (fixture->served, 0, 2);
  WAIT_FOR (pending_fixture_count (fixture, RD_PENDING_HELD) == 0);
  g_assert_true (g_str_has_suffix (fixture->requests->str, "Snext."));
}

static void
held_connections_time_out_like_others (PendingFixture *fixture, gconstpointer data)
{
  pending_fixture_use_lifetime (fixture, SHORT_US);
  for (guint i = 0; i < PENDING_SERVED_MAX + 3; i++)
    pending_fixture_join (fixture, "S.");
  g_assert_cmpuint (pending_fixture_count (fixture, RD_PENDING_HELD), ==, 3);

  WAIT_FOR (pending_fixture_count_all (fixture) == 0);
  g_assert_cmpuint (fixture->n_timed_out, ==, PENDING_SERVED_MAX + 3);
  for (guint i = 0; i < fixture->clients->len; i++)
    client_expect_cut (g_array_index (fixture->clients, int, i));
}

static void
waiting_connections_can_be_stolen (PendingFixture *fixture, gconstpointer data)
{
  int clients[3], fds[3];
  const int answered = pending_fixture_join (fixture, "A.");
  g_autoptr (GArray) stolen = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    {
      clients[i] = pending_fixture_connect (fixture, &fds[i]);
      rd_pending_add (fixture->pending, fds[i]);
    }
  client_send (clients[1], "A1");
  WAIT_FOR (fixture->size == 2);

  stolen = rd_pending_steal_waiting (fixture->pending);
  g_assert_cmpmem (stolen->data, stolen->len * sizeof (int), fds, sizeof fds);
  g_assert_cmpuint (pending_fixture_count (fixture, RD_PENDING_WAITING), ==, 0);
  g_assert_cmpuint (pending_fixture_count (fixture, RD_PENDING_ANSWERED), ==, 1);
  g_assert_cmpuint (descriptors_count_watched (), ==, 1);
  client_send (clients[0], "A0.");
  pending_fixture_settle ();
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    client_expect_open (clients[i]);

  /* another set, or another process, can continue */
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    rd_pending_add (fixture->pending, fds[i]);
  g_free (g_array_steal (stolen, NULL));
  client_send (clients[1], ".");
  WAIT_FOR (pending_fixture_count (fixture, RD_PENDING_ANSWERED) == 3);
  client_expect_end (clients[0], PENDING_ANSWER);
  client_expect_end (clients[1], PENDING_ANSWER);
  client_expect_end (answered, PENDING_ANSWER);
  client_expect_open (clients[2]);
}

static void
stolen_connections_are_closed_with_their_array (PendingFixture *fixture, gconstpointer data)
{
  const int client = pending_fixture_join (fixture, "");

  g_array_unref (rd_pending_steal_waiting (fixture->pending));
  client_expect_cut (client);
}

static void
without_waiting_connections_none_are_stolen (PendingFixture *fixture, gconstpointer data)
{
  g_autoptr (GArray) stolen = NULL;

  pending_fixture_join (fixture, "A.");
  stolen = rd_pending_steal_waiting (fixture->pending);
  g_assert_cmpuint (stolen->len, ==, 0);
}

static void
a_set_can_be_freed_with_connections_in_each_state (PendingFixture *fixture, gconstpointer data)
{
  const int silent = pending_fixture_join (fixture, "");
  const int waiting = pending_fixture_join (fixture, "A");
  const int answered = pending_fixture_join (fixture, "A.");
  int served = -1;
  int held = -1;
  GSocket *socket;

  for (guint i = 0; i < PENDING_SERVED_MAX; i++)
    served = pending_fixture_join (fixture, "S.");
  held = pending_fixture_join (fixture, "S.");
  g_assert_cmpuint (pending_fixture_count (fixture, RD_PENDING_HELD), ==, 1);

  g_clear_pointer (&fixture->pending, rd_pending_free);
  client_expect_cut (silent);
  client_expect_cut (waiting);
  client_expect_end (answered, PENDING_ANSWER);
  client_expect_cut (held);

  client_expect_open (served);
  socket = g_socket_connection_get_socket (fixture->served->pdata[PENDING_SERVED_MAX - 1]);
  g_assert_cmpint (g_socket_send (socket, PENDING_ANSWER, strlen (PENDING_ANSWER), NULL, NULL), ==,
                   strlen (PENDING_ANSWER));
  g_ptr_array_set_size (fixture->served, 0);
  client_expect_end (served, PENDING_ANSWER);
  pending_fixture_settle ();
}

static void
an_empty_set_can_be_freed (PendingFixture *fixture, gconstpointer data)
{
  pending_fixture_settle ();
  pending_fixture_use_lifetime (fixture, LONG_US);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  PENDING_TEST ("/pending/lifetime", each_connection_has_its_lifetime_whatever_it_does);
  PENDING_TEST ("/pending/lifetime/begin", a_lifetime_begins_when_the_connection_is_added);
  PENDING_TEST ("/pending/lifetime/held", held_connections_time_out_like_others);
  PENDING_TEST ("/pending/oldest", the_connection_that_waits_longest_is_closed_first);
  PENDING_TEST ("/pending/oldest/copy",
                a_closed_connection_has_no_events_even_if_its_socket_is_open);
  PENDING_TEST ("/pending/oldest/held", held_connections_are_not_closed_for_others);
  PENDING_TEST ("/pending/held", held_connections_are_served_in_order);
  PENDING_TEST ("/pending/held/reset", a_held_connection_that_was_reset_does_not_hinder_others);
  PENDING_TEST ("/pending/steal", waiting_connections_can_be_stolen);
  PENDING_TEST ("/pending/steal/close", stolen_connections_are_closed_with_their_array);
  PENDING_TEST ("/pending/steal/none", without_waiting_connections_none_are_stolen);
  PENDING_TEST ("/pending/free", a_set_can_be_freed_with_connections_in_each_state);
  PENDING_TEST ("/pending/free/empty", an_empty_set_can_be_freed);

  return g_test_run ();
}
