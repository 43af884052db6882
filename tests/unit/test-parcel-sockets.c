/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Sockets in numbers: all arrive in order, and where they cannot it is known how many did. */

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "descriptors.h"
#include "parcel-fixture.h"

#define PATIENCE_MS 30000 /* never reached */
#define MANY        3000  /* more than go into a narrow parcel */
#define OTHERS      200   /* descriptors of the process that are none of those handed over */

/* Returns: how many of @tokens are on their way. */
static guint
send_tokens (RdParcel *parcel, const GArray *tokens, GError **error)
{
  return rd_parcel_send_sockets (parcel, (const int *) tokens->data, tokens->len, error);
}

static void
send_all (RdParcel *parcel, const GArray *tokens)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (send_tokens (parcel, tokens, &error), ==, tokens->len);
  g_assert_no_error (error);
}

/* Takes as many sockets as it is told, and says so. */
static void
run_taker (RdParcel *parcel)
{
  g_autoptr (RdParcelPacket) told = NULL;
  guint n;

  descriptors_raise ();
  parcel_wait (parcel, PATIENCE_MS);
  told = rd_parcel_receive (parcel, RD_PARCEL_KIND_READY, NULL);
  g_variant_get (told->body, "(u)", &n);
  expect_sockets (parcel, 0, n);
  g_assert_true (
    rd_parcel_send (parcel, RD_PARCEL_KIND_TAKEN, g_variant_new ("(uu)", n, 0), NULL, 0, NULL));
}

static void
tell (RdParcel *parcel, guint n)
{
  parcel_wait (parcel, PATIENCE_MS);
  g_assert_true (
    rd_parcel_send (parcel, RD_PARCEL_KIND_READY, g_variant_new ("(u)", n), NULL, 0, NULL));
}

static void
wait_until_taken (RdParcel *parcel)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (RdParcelPacket) taken = rd_parcel_receive (parcel, RD_PARCEL_KIND_TAKEN, &error);

  g_assert_no_error (error);
}

static void
any_number_arrives_in_order (void)
{
  const guint numbers[] = { 0, 1, 252, 253, 254, 506, 507, 1000 };
  guint before = descriptors_count ();

  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_autoptr (ParcelPair) pair = parcel_pair_new ();
      g_autoptr (GArray) tokens = make_tokens (0, numbers[i]);

      send_all (pair->old, tokens);
      expect_sockets (pair->new, 0, numbers[i]);
    }
  g_assert_cmpuint (descriptors_count (), ==, before);
}

static void
counting_goes_on_from_call_to_call (void)
{
  g_autoptr (ParcelPair) pair = parcel_pair_new ();

  for (guint i = 0; i < 4; i++)
    {
      g_autoptr (GArray) tokens = make_tokens (100 * i, 100);

      send_all (pair->old, tokens);
    }
  expect_sockets (pair->new, 0, 200);
  expect_sockets (pair->new, 200, 100);
  expect_sockets (pair->new, 300, 100);
}

/* Hands @n sockets to another process, and prints how long that took. */
static void
hand_over (guint n)
{
  GPid pid;
  g_autoptr (RdParcel) parcel = parcel_fork (run_taker, &pid);
  g_autoptr (GArray) tokens = NULL;
  gint64 start_us, sent_us;

  descriptors_raise ();
  tokens = make_tokens (0, n);
  tell (parcel, n);
  start_us = g_get_monotonic_time ();
  send_all (parcel, tokens);
  sent_us = g_get_monotonic_time ();
  wait_until_taken (parcel);
  g_test_message ("%u descriptors: packed in %.1f ms, all there and looked at in %.1f ms", n,
                  (sent_us - start_us) / 1e3, (g_get_monotonic_time () - start_us) / 1e3);
  parcel_join (pid);
}

static void
ten_thousand_arrive (void)
{
  struct rlimit limit;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &limit));
  hand_over (MIN (10000, limit.rlim_max - OTHERS));
}

static void
as_many_arrive_as_a_process_can_have (void)
{
  struct rlimit limit;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &limit));
  hand_over (MIN (19000, limit.rlim_max - OTHERS));
}

/* Waits until the process has stopped. */
static void
wait_until_stopped (GPid pid)
{
  int status;

  g_assert_cmpint (waitpid (pid, &status, WUNTRACED), ==, pid);
  g_assert_true (WIFSTOPPED (status));
}

static void
sender_waits_for_a_slow_reader (void)
{
  GPid pid;
  g_autoptr (RdParcel) parcel = parcel_fork (run_taker, &pid);
  g_autoptr (GArray) tokens = make_tokens (0, MANY);
  g_autoptr (GError) error = NULL;
  guint n;

  parcel_narrow (parcel);
  kill (pid, SIGSTOP);
  wait_until_stopped (pid);
  tell (parcel, MANY);
  parcel_wait (parcel, 20);
  n = send_tokens (parcel, tokens, &error);
  expect_error (&error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_TIMED_OUT, "channel is full");
  g_assert_cmpuint (n, <, MANY);

  kill (pid, SIGCONT);
  parcel_wait (parcel, PATIENCE_MS);
  rd_parcel_send_sockets (parcel, (const int *) tokens->data + n, MANY - n, &error);
  g_assert_no_error (error);
  wait_until_taken (parcel);
  parcel_join (pid);
}

static int
get_buffer_size (int fd)
{
  int size;
  socklen_t length = sizeof size;

  g_assert_no_errno (getsockopt (fd, SOL_SOCKET, SO_SNDBUF, &size, &length));
  return size;
}

/* At either end: the sender is not always who made the pair (--replace). */
static void
parcel_is_larger_than_usual (void)
{
  g_autoptr (ParcelPair) pair = parcel_pair_new ();
  int usual[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, usual));
  g_assert_cmpint (get_buffer_size (rd_parcel_get_fd (pair->old)), >, get_buffer_size (usual[0]));
  g_assert_cmpint (get_buffer_size (rd_parcel_get_fd (pair->new)), ==,
                   get_buffer_size (rd_parcel_get_fd (pair->old)));
  close (usual[0]);
  close (usual[1]);
}

static void
it_is_known_how_many_fit_in (void)
{
  g_autoptr (ParcelPair) pair = parcel_pair_new ();
  g_autoptr (GArray) tokens = make_tokens (0, MANY);
  g_autoptr (GArray) rest = rd_parcel_fds_new ();
  g_autoptr (GError) error = NULL;
  guint n;

  parcel_narrow (pair->old);
  n = send_tokens (pair->old, tokens, &error);
  expect_error (&error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_FULL, "net.core.wmem_max");
  g_assert_cmpuint (n, >, 0);
  g_assert_cmpuint (n, <, MANY);
  g_clear_pointer (&pair->old, rd_parcel_free);

  expect_sockets (pair->new, 0, n);
  g_assert_false (rd_parcel_receive_sockets (pair->new, 1, rest, &error));
  expect_error (&error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_ENDED, "worker exited");
}

/* Takes some of the sockets, and dies. */
static void
run_dying (RdParcel *parcel)
{
  parcel_wait (parcel, PATIENCE_MS);
  expect_sockets (parcel, 0, 2 * RD_PARCEL_FDS_MAX);
  raise (SIGKILL);
}

static void
sockets_are_still_here_when_the_taker_dies (void)
{
  const guint before = descriptors_count ();
  GPid pid;
  g_autoptr (RdParcel) parcel = parcel_fork (run_dying, &pid);
  g_autoptr (GArray) tokens = make_tokens (0, MANY);
  g_autoptr (GError) error = NULL;

  parcel_narrow (parcel);
  parcel_wait (parcel, PATIENCE_MS);
  g_assert_cmpuint (send_tokens (parcel, tokens, &error), <, MANY);
  expect_error (&error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_ENDED, "worker exited");
  waitpid (pid, NULL, 0);
  g_assert_cmpuint (descriptors_count (), ==, before + 1 + MANY);
}

/* May open fewer descriptors than come. */
static void
run_poor (RdParcel *parcel)
{
  g_autoptr (GArray) fds = rd_parcel_fds_new ();
  g_autoptr (GError) error = NULL;

  parcel_wait (parcel, PATIENCE_MS);
  descriptors_restrict (300);
  g_assert_false (rd_parcel_receive_sockets (parcel, 900, fds, &error));
  g_assert_error (error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_DESCRIPTORS);
  g_assert_cmpuint (fds->len, ==, RD_PARCEL_FDS_MAX);
  rd_parcel_send_text (parcel, RD_PARCEL_KIND_ERROR, error->message, NULL);
}

static void
taker_with_too_few_descriptors_says_so (void)
{
  GPid pid;
  g_autoptr (RdParcel) parcel = parcel_fork (run_poor, &pid);
  g_autoptr (GArray) tokens = make_tokens (0, 900);
  g_autoptr (GError) error = NULL;

  parcel_wait (parcel, PATIENCE_MS);
  if (send_tokens (parcel, tokens, &error) == 900) /* it may say so earlier yet */
    g_assert_null (rd_parcel_receive (parcel, RD_PARCEL_KIND_TAKEN, &error));
  expect_error (&error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_REFUSED, "LimitNOFILE=");
  parcel_join (pid);
  expect_tokens (tokens, 0, 900);
}

/* Asserts that sockets as those behind the first @n_before are refused where @n are due. */
static void
expect_disorder (guint n_before, guint n_sent, guint n)
{
  g_autoptr (ParcelPair) pair = parcel_pair_new ();
  g_autoptr (GArray) tokens = make_tokens (0, n_sent);
  g_autoptr (GArray) fds = rd_parcel_fds_new ();
  g_autoptr (GError) error = NULL;
  const guint before = descriptors_count ();

  rd_parcel_send (pair->old, RD_PARCEL_KIND_SOCKETS, g_variant_new ("(u)", n_before),
                  (const int *) tokens->data, n_sent, NULL);
  g_assert_false (rd_parcel_receive_sockets (pair->new, n, fds, &error));
  expect_error (&error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_MALFORMED, "sockets after");
  g_assert_cmpuint (fds->len, ==, 0);
  g_assert_cmpuint (descriptors_count (), ==, before);
}

static void
sockets_out_of_order_are_refused (void)
{
  expect_disorder (1, 10, 20);
  expect_disorder (G_MAXUINT32, 10, 20);
  expect_disorder (0, 21, 20);
}

static void
limit_descriptors (guint n)
{
  struct rlimit limit;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &limit));
  limit.rlim_cur = n;
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limit));
}

/* Returns: for how many descriptors the process's table has room. */
static guint
get_table_size (void)
{
  g_autofree char *status = NULL;
  const char *line;

  g_assert_true (g_file_get_contents ("/proc/self/status", &status, NULL, NULL));
  line = strstr (status, "FDSize:");
  g_assert_nonnull (line);
  return g_ascii_strtoull (line + strlen ("FDSize:"), NULL, 10);
}

static void
run_preparing (RdParcel *parcel)
{
  const guint before = descriptors_count ();

  limit_descriptors (4000);
  rd_parcel_prepare (parcel, 2000);
  g_assert_cmpuint (get_table_size (), >, 2000);
  g_assert_cmpuint (get_table_size (), <, 4000);
  rd_parcel_prepare (parcel, G_MAXUINT); /* as many as it may have */
  g_assert_cmpuint (get_table_size (), >=, 4000);
  g_assert_cmpuint (descriptors_count (), ==, before);
}

static void
room_is_made_before_sockets_come (void)
{
  GPid pid;
  g_autoptr (RdParcel) parcel = parcel_fork (run_preparing, &pid);

  parcel_join (pid);
}

/* Becomes a user of whom nothing is on its way, and who has no rights. */
static void
become_nobody (void)
{
  const uid_t uid = 20000 + getpid () % 40000;

  if (geteuid () == 0)
    g_assert_no_errno (setresuid (uid, uid, uid));
}

/* Returns: how many of 2000 descriptors go into a parcel that nobody reads. */
static guint
store (GError **error)
{
  g_autoptr (ParcelPair) pair = parcel_pair_new ();
  int fds[2000];

  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = STDERR_FILENO;
  return rd_parcel_send_sockets (pair->old, fds, G_N_ELEMENTS (fds), error);
}

static void
run_storing (RdParcel *parcel)
{
  g_autoptr (GError) error = NULL;
  guint n;

  become_nobody ();
  limit_descriptors (600);
  n = store (&error);
  g_assert_error (error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_FULL);
  g_assert_cmpuint (n, >=, 600);
  g_assert_cmpuint (n, <=, 600 + RD_PARCEL_FDS_MAX); /* the kernel asks before each packet */
  g_assert_cmpuint (store (NULL), ==, n); /* what nobody can receive is under way no more */
}

static void
what_may_not_be_under_way_does_not_go_in (void)
{
  GPid pid;
  g_autoptr (RdParcel) parcel = parcel_fork (run_storing, &pid);

  parcel_join (pid);
}

/* Sends more than it may have on its way at once. */
static void
run_unprivileged_sender (RdParcel *parcel)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) tokens = make_tokens (0, 900);

  become_nobody ();
  limit_descriptors (300);
  send_tokens (parcel, tokens, &error);
  expect_error (&error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_FULL, "LimitNOFILE=");
  parcel_wait (parcel, 20);
  send_tokens (parcel, tokens, &error);
  expect_error (&error, RD_PARCEL_ERROR, RD_PARCEL_ERROR_TIMED_OUT, "LimitNOFILE=");

  raise (SIGSTOP);
  parcel_wait (parcel, PATIENCE_MS);
  send_all (parcel, tokens);
}

static void
sender_waits_while_too_many_are_in_flight (void)
{
  GPid pid;
  g_autoptr (RdParcel) parcel = parcel_fork (run_unprivileged_sender, &pid);
  g_autoptr (GArray) fds = rd_parcel_fds_new ();
  g_autoptr (GError) error = NULL;

  wait_until_stopped (pid);
  parcel_wait (parcel, PATIENCE_MS);
  expect_sockets (parcel, 0, 2 * RD_PARCEL_FDS_MAX); /* what fitted in */
  kill (pid, SIGCONT);
  rd_parcel_receive_sockets (parcel, 900, fds, &error);
  g_assert_no_error (error);
  parcel_join (pid);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/parcel-sockets/order", any_number_arrives_in_order);
  g_test_add_func ("/parcel-sockets/order/calls", counting_goes_on_from_call_to_call);
  g_test_add_func ("/parcel-sockets/order/wrong", sockets_out_of_order_are_refused);
  g_test_add_func ("/parcel-sockets/many", ten_thousand_arrive);
  g_test_add_func ("/parcel-sockets/most", as_many_arrive_as_a_process_can_have);
  g_test_add_func ("/parcel-sockets/slow", sender_waits_for_a_slow_reader);
  g_test_add_func ("/parcel-sockets/full", it_is_known_how_many_fit_in);
  g_test_add_func ("/parcel-sockets/large", parcel_is_larger_than_usual);
  g_test_add_func ("/parcel-sockets/dies", sockets_are_still_here_when_the_taker_dies);
  if (kernel_has_limit ())
    {
      g_test_add_func ("/parcel-sockets/room", room_is_made_before_sockets_come);
      g_test_add_func ("/parcel-sockets/poor", taker_with_too_few_descriptors_says_so);
      g_test_add_func ("/parcel-sockets/limit", what_may_not_be_under_way_does_not_go_in);
      g_test_add_func ("/parcel-sockets/limit/wait", sender_waits_while_too_many_are_in_flight);
    }

  return g_test_run ();
}
