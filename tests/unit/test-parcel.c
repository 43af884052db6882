/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The conversation of a hand-over: how it goes, and each way in which it does not. */

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "descriptors.h"
#include "parcel-fixture.h"

#define SHORT_MS 50
#define LONG_MS  30000 /* never reached */

/* Asserts that all goes out. */
static void
say (RdParcel *parcel, RdParcelKind kind, GVariant *body, const GArray *fds)
{
  g_autoptr (GError) error = NULL;

  rd_parcel_send (parcel, kind, body, fds != NULL ? (const int *) fds->data : NULL,
                  fds != NULL ? fds->len : 0, &error);
  g_assert_no_error (error);
}

static RdParcelPacket *
hear (RdParcel *parcel, RdParcelKind kind)
{
  g_autoptr (GError) error = NULL;
  RdParcelPacket *packet = rd_parcel_receive (parcel, kind, &error);

  g_assert_no_error (error);
  return packet;
}

/* Asserts that @kind does not come, but this error. */
static void
expect_failure (RdParcel *parcel, RdParcelKind kind, RdParcelError code, const char *words)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (rd_parcel_receive (parcel, kind, &error));
  expect_error (&error, RD_PARCEL_ERROR, code, words);
}

/* Sends what is small until this end can take no more. Returns: how many packets. */
static guint
fill (RdParcel *parcel, GError **error)
{
  guint n = 0;

  while (rd_parcel_send (parcel, RD_PARCEL_KIND_READY, g_variant_new ("(u)", n), NULL, 0, error))
    n++;
  return n;
}

static void
run_successor (RdParcel *parcel)
{
  g_autoptr (RdParcelPacket) listeners = NULL, header = NULL, commit = NULL;

  parcel_wait (parcel, LONG_MS);
  listeners = hear (parcel, RD_PARCEL_KIND_LISTENERS);
  expect_tokens (listeners->fds, 100, 2);
  say (parcel, RD_PARCEL_KIND_READY, g_variant_new ("(u)", getpid ()), NULL);

  header = hear (parcel, RD_PARCEL_KIND_HEADER);
  expect_tokens (header->fds, 200, 3);
  expect_sockets (parcel, 0, 600);
  say (parcel, RD_PARCEL_KIND_TAKEN, g_variant_new ("(uu)", 598, 2), NULL);
  commit = hear (parcel, RD_PARCEL_KIND_COMMIT);
}

static void
whole_hand_over_takes_place (void)
{
  g_autoptr (GArray) listeners = make_tokens (100, 2);
  g_autoptr (GArray) memory = make_tokens (200, 3);
  g_autoptr (GArray) clients = make_tokens (0, 600);
  g_autoptr (GError) error = NULL;
  g_autoptr (RdParcelPacket) ready = NULL, taken = NULL;
  GPid pid;
  g_autoptr (RdParcel) parcel = parcel_fork (run_successor, &pid);
  guint said, n_moved, n_closed;

  parcel_wait (parcel, LONG_MS);
  say (parcel, RD_PARCEL_KIND_LISTENERS, g_variant_new_parsed ("(@a{sv} {}, @aa{sv} [{}, {}])"),
       listeners);
  ready = hear (parcel, RD_PARCEL_KIND_READY);
  g_variant_get (ready->body, "(u)", &said);
  g_assert_cmpuint (said, ==, pid);

  say (parcel, RD_PARCEL_KIND_HEADER, g_variant_new ("a{sv}", NULL), memory);
  g_assert_cmpuint (rd_parcel_send_sockets (parcel, (int *) clients->data, 600, &error), ==, 600);
  g_assert_no_error (error);
  taken = hear (parcel, RD_PARCEL_KIND_TAKEN);
  g_variant_get (taken->body, "(uu)", &n_moved, &n_closed);
  g_assert_cmpuint (n_moved, ==, 598);
  g_assert_cmpuint (n_closed, ==, 2);
  say (parcel, RD_PARCEL_KIND_COMMIT, g_variant_new ("()"), NULL);
  parcel_join (pid);
}

static void
parcel_outlives_its_sender (void)
{
  g_autoptr (ParcelPair) pair = parcel_pair_new ();
  g_autoptr (GArray) memory = make_tokens (200, 3);
  g_autoptr (GArray) clients = make_tokens (0, 500);
  g_autoptr (GArray) more = rd_parcel_fds_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (RdParcelPacket) header = NULL;

  say (pair->old, RD_PARCEL_KIND_HEADER, g_variant_new ("a{sv}", NULL), memory);
  g_assert_cmpuint (rd_parcel_send_sockets (pair->old, (int *) clients->data, 500, &error), ==,
                    500);
  g_clear_pointer (&pair->old, rd_parcel_free);
  g_array_set_size (memory, 0);
  g_array_set_size (clients, 0);

  header = hear (pair->new, RD_PARCEL_KIND_HEADER);
  expect_tokens (header->fds, 200, 3);
  g_assert_false (rd_parcel_receive_sockets (pair->new, 501, more, &error));
  expect_error (&error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_ENDED, "worker exited");
  expect_tokens (more, 0, 500); /* what came before the end */
}

static void
words_of_the_other_are_told (void)
{
  g_autoptr (ParcelPair) pair = parcel_pair_new ();

  rd_parcel_send_text (pair->new, RD_PARCEL_KIND_ERROR, "port 8000 is taken", NULL);
  expect_failure (pair->old, RD_PARCEL_KIND_READY, RD_PARCEL_ERROR_REFUSED, "port 8000 is taken");
  rd_parcel_send_text (pair->old, RD_PARCEL_KIND_ABORT, "too slow", NULL);
  expect_failure (pair->new, RD_PARCEL_KIND_COMMIT, RD_PARCEL_ERROR_ABORTED, "too slow");
}

static void
words_of_the_other_are_fit_to_be_shown (void)
{
  g_autoptr (ParcelPair) pair = parcel_pair_new ();
  g_autofree char *endless = g_strnfill (40000, 'a');
  g_autoptr (GError) error = NULL;

  say (pair->new, RD_PARCEL_KIND_ERROR, g_variant_new ("(s)", "\x1b[31mred\nline"), NULL);
  expect_failure (pair->old, RD_PARCEL_KIND_READY, RD_PARCEL_ERROR_REFUSED, "[31mred\\u000aline");
  say (pair->new, RD_PARCEL_KIND_ERROR, g_variant_new ("(s)", endless), NULL);
  g_assert_null (rd_parcel_receive (pair->old, RD_PARCEL_KIND_READY, &error));
  g_assert_cmpuint (g_utf8_strlen (error->message, -1), ==, 1001);
}

static void
words_are_sent_whatever_they_are (void)
{
  g_autoptr (ParcelPair) pair = parcel_pair_new ();
  g_autofree char *endless = g_strnfill (1000000, '\xfe');
  g_autoptr (GError) error = NULL;

  g_assert_true (rd_parcel_send_text (pair->new, RD_PARCEL_KIND_ERROR, endless, &error));
  g_assert_no_error (error);
  expect_failure (pair->old, RD_PARCEL_KIND_READY, RD_PARCEL_ERROR_REFUSED, "\uFFFD…");
}

static void
packet_that_is_not_due_is_refused (void)
{
  g_autoptr (ParcelPair) pair = parcel_pair_new ();
  g_autoptr (GArray) memory = make_tokens (0, 3);
  const guint before = descriptors_count ();

  say (pair->old, RD_PARCEL_KIND_HEADER, g_variant_new ("a{sv}", NULL), memory);
  expect_failure (pair->new, RD_PARCEL_KIND_LISTENERS, RD_PARCEL_ERROR_MALFORMED,
                  "received HEADER");
  g_assert_cmpuint (descriptors_count (), ==, before);
}

static void
packet_that_was_looked_at_is_still_there (void)
{
  g_autoptr (ParcelPair) pair = parcel_pair_new ();
  g_autoptr (GArray) memory = make_tokens (0, 3);

  say (pair->old, RD_PARCEL_KIND_HEADER, g_variant_new ("a{sv}", NULL), memory);
  g_clear_pointer (&pair->old, rd_parcel_free);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (RdParcelPacket) seen = rd_parcel_peek (pair->new, RD_PARCEL_KIND_HEADER, &error);

      g_assert_no_error (error);
      g_assert_cmpuint (seen->fds->len, ==, 3);
    }
  g_autoptr (RdParcelPacket) header = hear (pair->new, RD_PARCEL_KIND_HEADER);

  expect_tokens (header->fds, 0, 3);
  expect_failure (pair->new, RD_PARCEL_KIND_SOCKETS, RD_PARCEL_ERROR_ENDED, "worker exited");
}

static void
nothing_waits_unless_it_is_let (void)
{
  g_autoptr (ParcelPair) pair = parcel_pair_new ();
  g_autoptr (GError) error = NULL;

  expect_failure (pair->new, RD_PARCEL_KIND_LISTENERS, RD_PARCEL_ERROR_TIMED_OUT, "LISTENERS");
  parcel_narrow (pair->old);
  g_assert_cmpuint (fill (pair->old, &error), >, 0);
  expect_error (&error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_FULL, "net.core.wmem_max");
}

static void
ignore_alarm (int number)
{
}

/* Lets a signal come every millisecond, or no more. */
static void
set_alarms (gboolean is_on)
{
  const struct sigaction action = { .sa_handler = ignore_alarm }; /* no SA_RESTART */
  const struct timeval interval = { .tv_usec = is_on ? 1000 : 0 };
  const struct itimerval timer = { interval, interval };

  g_assert_no_errno (sigaction (SIGALRM, &action, NULL));
  g_assert_no_errno (setitimer (ITIMER_REAL, &timer, NULL));
}

static void
deadline_is_kept_whatever_interrupts (void)
{
  g_autoptr (ParcelPair) pair = parcel_pair_new ();
  g_autoptr (GError) error = NULL;
  gint64 start_us;

  set_alarms (TRUE);
  start_us = g_get_monotonic_time ();
  parcel_wait (pair->old, SHORT_MS);
  expect_failure (pair->old, RD_PARCEL_KIND_TAKEN, RD_PARCEL_ERROR_TIMED_OUT, "TAKEN in time");
  g_assert_cmpint (g_get_monotonic_time () - start_us, >=, SHORT_MS * 1000);

  start_us = g_get_monotonic_time ();
  parcel_narrow (pair->old);
  parcel_wait (pair->old, SHORT_MS);
  g_assert_cmpuint (fill (pair->old, &error), >, 0);
  expect_error (&error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_TIMED_OUT, "channel is full");
  g_assert_cmpint (g_get_monotonic_time () - start_us, >=, SHORT_MS * 1000);
  set_alarms (FALSE);
}

static void
refusal_is_heard_while_sending (void)
{
  g_autoptr (ParcelPair) pair = parcel_pair_new ();
  g_autoptr (GError) error = NULL;

  rd_parcel_send_text (pair->new, RD_PARCEL_KIND_ERROR, "enough", NULL);
  parcel_narrow (pair->old);
  parcel_wait (pair->old, LONG_MS);
  fill (pair->old, &error);
  expect_error (&error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_REFUSED, "enough");
}

static void
interruption_that_makes_no_sense_is_refused (void)
{
  g_autoptr (ParcelPair) pair = parcel_pair_new ();
  g_autoptr (GError) error = NULL;

  say (pair->new, RD_PARCEL_KIND_TAKEN, g_variant_new ("(uu)", 1, 0), NULL);
  parcel_narrow (pair->old);
  parcel_wait (pair->old, LONG_MS);
  fill (pair->old, &error);
  expect_error (&error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_MALFORMED, "received TAKEN");
}

static void
last_words_are_heard_by_who_still_sends (void)
{
  g_autoptr (ParcelPair) pair = parcel_pair_new ();
  g_autoptr (GError) error = NULL;

  say (pair->old, RD_PARCEL_KIND_COMMIT, g_variant_new ("()"), NULL); /* never read */
  rd_parcel_send_text (pair->new, RD_PARCEL_KIND_ERROR, "no memory", NULL);
  g_clear_pointer (&pair->new, rd_parcel_free);
  fill (pair->old, &error);
  expect_error (&error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_REFUSED, "no memory");
  fill (pair->old, &error);
  expect_error (&error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_ENDED, "worker exited");
}

static void
run_hanging (RdParcel *parcel)
{
  for (;;)
    pause ();
}

static void
death_of_the_other_ends_the_wait (void)
{
  GPid pid;
  g_autoptr (RdParcel) parcel = parcel_fork (run_hanging, &pid);

  parcel_wait (parcel, SHORT_MS);
  expect_failure (parcel, RD_PARCEL_KIND_READY, RD_PARCEL_ERROR_TIMED_OUT, "READY");
  kill (pid, SIGKILL);
  parcel_wait (parcel, LONG_MS);
  expect_failure (parcel, RD_PARCEL_KIND_READY, RD_PARCEL_ERROR_ENDED, "worker exited");
}

static void
what_is_no_end_of_a_pair_is_refused (void)
{
  const guint before = descriptors_count ();
  int streams[2], closed;

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM, 0, streams));
  closed = dup (streams[0]);
  close (closed);
  const int fds[] = { streams[0], streams[1], dup (STDERR_FILENO), closed, -1 };

  for (gsize i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (rd_parcel_new_for_fd (fds[i], LAYOUT, &error));
      expect_error (&error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "SOCK_SEQPACKET");
    }
  g_assert_cmpuint (descriptors_count (), ==, before);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/parcel/hand-over", whole_hand_over_takes_place);
  g_test_add_func ("/parcel/stored", parcel_outlives_its_sender);
  g_test_add_func ("/parcel/words", words_of_the_other_are_told);
  g_test_add_func ("/parcel/words/shown", words_of_the_other_are_fit_to_be_shown);
  g_test_add_func ("/parcel/words/any", words_are_sent_whatever_they_are);
  g_test_add_func ("/parcel/order", packet_that_is_not_due_is_refused);
  g_test_add_func ("/parcel/deadline/none", nothing_waits_unless_it_is_let);
  g_test_add_func ("/parcel/deadline", deadline_is_kept_whatever_interrupts);
  g_test_add_func ("/parcel/refused", refusal_is_heard_while_sending);
  g_test_add_func ("/parcel/refused/senseless", interruption_that_makes_no_sense_is_refused);
  g_test_add_func ("/parcel/refused/last", last_words_are_heard_by_who_still_sends);
  g_test_add_func ("/parcel/peek", packet_that_was_looked_at_is_still_there);
  g_test_add_func ("/parcel/death", death_of_the_other_ends_the_wait);
  g_test_add_func ("/parcel/no-socket", what_is_no_end_of_a_pair_is_refused);

  return g_test_run ();
}
