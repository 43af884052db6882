/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Counts and limits the descriptors of the test program. */

#include "descriptors.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

guint
descriptors_count (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, &error);
  guint count = 0;

  g_assert_no_error (error);
  while (g_dir_read_name (dir) != NULL)
    count++;

  return count - 1; /* without the descriptor of the directory */
}

/* fdinfo has a line "tfd:" for each descriptor in an epoll set (proc(5)). */
guint
descriptors_count_watched (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;
  guint watched = 0;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/proc/self/fdinfo", name, NULL);
      g_autofree char *info = NULL;

      if (g_file_get_contents (path, &info, NULL, NULL))
        for (const char *line = info; (line = strstr (line, "tfd:")) != NULL; line++)
          watched++;
    }

  return watched;
}

void
descriptors_raise (void)
{
  struct rlimit limits;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &limits));
  limits.rlim_cur = limits.rlim_max;
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limits));
}

static guint64
set_limit (guint64 limit)
{
  struct rlimit limits;
  guint64 before;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &limits));
  before = limits.rlim_cur;
  limits.rlim_cur = limit;
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limits));
  return before;
}

guint64
descriptors_restrict (guint spare)
{
  g_autoptr (GArray) held = g_array_new (FALSE, FALSE, sizeof (int));
  int next = dup (STDERR_FILENO);

  /* RLIMIT_NOFILE is a limit of descriptor numbers: find the number after @spare free ones */
  for (guint i = 0; i < spare; i++)
    {
      g_array_append_val (held, next);
      next = dup (STDERR_FILENO);
    }
  g_assert_cmpint (next, >=, 0);
  close (next);
  for (guint i = 0; i < held->len; i++)
    close (g_array_index (held, int, i));

  return set_limit (next);
}

void
descriptors_restore (guint64 limit)
{
  set_limit (limit);
}

int
memory_file_new (gsize size)
{
  const guint noexec_seal = 0x0008U; /* MFD_NOEXEC_SEAL, since Linux 6.3 */
  int fd = memfd_create ("ringdown-test", MFD_CLOEXEC | MFD_ALLOW_SEALING | noexec_seal);

  if (fd < 0 && errno == EINVAL)
    fd = memfd_create ("ringdown-test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  g_assert_no_errno (fd);
  g_assert_no_errno (ftruncate (fd, size));
  return fd;
}
