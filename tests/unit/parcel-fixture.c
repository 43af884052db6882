/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Both ends of a hand-over channel, in one process or in two, and numbered descriptors to send. */

#include "parcel-fixture.h"

#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

ParcelPair *
parcel_pair_new (void)
{
  g_autoptr (GError) error = NULL;
  ParcelPair *pair = g_new0 (ParcelPair, 1);
  int fd;

  pair->old = rd_parcel_new (LAYOUT, &fd, &error);
  g_assert_no_error (error);
  pair->new = rd_parcel_new_for_fd (fd, LAYOUT, &error);
  g_assert_no_error (error);
  return pair;
}

void
parcel_pair_free (ParcelPair *pair)
{
  g_clear_pointer (&pair->old, rd_parcel_free);
  g_clear_pointer (&pair->new, rd_parcel_free);
  g_free (pair);
}

void
parcel_narrow (RdParcel *parcel)
{
  const int least = 1; /* the kernel uses its minimum, about 4 KiB */

  g_assert_no_errno (
    setsockopt (rd_parcel_get_fd (parcel), SOL_SOCKET, SO_SNDBUF, &least, sizeof least));
}

void
parcel_wait (RdParcel *parcel, guint ms)
{
  rd_parcel_set_deadline (parcel, g_get_monotonic_time () + ms * G_TIME_SPAN_MILLISECOND);
}

GArray *
make_tokens (guint first, guint n)
{
  GArray *fds = rd_parcel_fds_new ();

  for (guint i = 0; i < n; i++)
    {
      const int fd = eventfd (first + i + 1, EFD_CLOEXEC | EFD_NONBLOCK);

      g_assert_no_errno (fd);
      g_array_append_val (fds, fd);
    }
  return fds;
}

void
expect_tokens (const GArray *fds, guint first, guint n)
{
  g_assert_cmpuint (fds->len, ==, n);
  for (guint i = 0; i < n; i++)
    {
      eventfd_t number = 0;

      g_assert_no_errno (eventfd_read (g_array_index (fds, int, i), &number));
      g_assert_cmpuint (number, ==, first + i + 1);
    }
}

void
expect_sockets (RdParcel *parcel, guint first, guint n)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) fds = rd_parcel_fds_new ();

  rd_parcel_receive_sockets (parcel, n, fds, &error);
  g_assert_no_error (error);
  expect_tokens (fds, first, n);
}

void
expect_error (GError **error, GQuark domain, int code, const char *words)
{
  g_assert_error (*error, domain, code);
  g_test_message ("%s", (*error)->message);
  if (strstr ((*error)->message, words) == NULL)
    g_error ("“%s” is not in “%s”", words, (*error)->message);
  g_assert_null (strpbrk ((*error)->message, "\n\x1b"));
  g_clear_error (error);
}

RdParcel *
parcel_fork (void (*run) (RdParcel *parcel), GPid *pid)
{
  g_autoptr (GError) error = NULL;
  RdParcel *parcel;
  int fd;

  parcel = rd_parcel_new (LAYOUT, &fd, &error);
  g_assert_no_error (error);
  *pid = fork ();
  g_assert_no_errno (*pid);
  if (*pid > 0)
    {
      close (fd);
      return parcel;
    }

  rd_parcel_free (parcel);
  g_assert_no_errno (dup2 (fd, STDERR_FILENO + 1));
  g_assert_no_errno (close_range (STDERR_FILENO + 2, ~0U, 0));
  parcel = rd_parcel_new_for_fd (STDERR_FILENO + 1, LAYOUT, &error);
  g_assert_no_error (error);
  run (parcel);
  rd_parcel_free (parcel);
  _exit (0);
}

void
parcel_join (GPid pid)
{
  int status;

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
}

gboolean
kernel_has_limit (void)
{
  g_autofree char *limits = NULL, *expected = NULL;
  struct rlimit limit;

  g_assert_true (g_file_get_contents ("/proc/self/limits", &limits, NULL, NULL));
  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &limit));
  expected = g_strdup_printf ("Max open files *%lu ", (gulong) limit.rlim_cur);
  return g_regex_match_simple (expected, limits, 0, 0);
}
