/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* What can be found out about processes: the program that this one runs, what its end would mean
 * for the container that it may be in, whether another one lives. Asks the kernel, and looks for
 * the files by which container engines mark what they run; changes nothing. */

#include "rd-process.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* A link to the program that this process runs, even if its file has no name any more: proc(5). */
#define OWN_PROGRAM "/proc/self/exe"

/* There where systemd is the first process, also of a container: sd_booted(3). */
#define SYSTEMD_MARK "/run/systemd/system"

/* Files by which container engines mark what they run: Docker, Podman. */
static const char *const container_marks[] = { "/.dockerenv", "/run/.containerenv" };

/* Returns: (transfer full) (nullable): where a shell would find @argv0, links and all. */
static char *
dup_path (const char *argv0)
{
  g_autofree char *path = NULL;

  if (argv0 == NULL || *argv0 == '\0')
    return NULL;

  path = strchr (argv0, '/') != NULL ? g_strdup (argv0) : g_find_program_in_path (argv0);
  return path != NULL ? g_canonicalize_filename (path, NULL) : NULL;
}

static gboolean
is_own_program (const char *path)
{
  struct stat there, own;
  gboolean is_same;
  int fd;

  /* opened, it is ours also where valgrind runs us */
  fd = open (OWN_PROGRAM, O_PATH | O_CLOEXEC);
  is_same = fd >= 0 && fstat (fd, &own) == 0 && stat (path, &there) == 0
            && there.st_dev == own.st_dev && there.st_ino == own.st_ino;
  if (fd >= 0)
    close (fd);
  return is_same;
}

char *
rd_process_dup_program (const char *argv0, GError **error)
{
  g_autofree char *path = dup_path (argv0);

  if (path != NULL && is_own_program (path))
    return g_steal_pointer (&path);

  return g_file_read_link (OWN_PROGRAM, error);
}

gboolean
rd_process_ends_container (void)
{
  if (getpid () == 1)
    return TRUE;
  if (getppid () != 1 || g_file_test (SYSTEMD_MARK, G_FILE_TEST_IS_DIR))
    return FALSE;

  for (gsize i = 0; i < G_N_ELEMENTS (container_marks); i++)
    if (g_file_test (container_marks[i], G_FILE_TEST_EXISTS))
      return TRUE;

  return FALSE;
}

int
rd_process_open (pid_t pid)
{
  return pidfd_open (pid, 0);
}

gboolean
rd_process_has_ended (int pidfd, int patience_ms)
{
  struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };

  return pidfd < 0 || poll (&poll_fd, 1, patience_ms) > 0;
}
