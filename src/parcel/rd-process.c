/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* What can be found out about processes: the program that this one runs, what its end would mean
 * for the container that it may be in, whether another one lives. Asks the kernel, and looks for
 * the files by which container engines mark what they run; changes nothing. */

#include "rd-process.h"

#include <poll.h>
#include <sys/pidfd.h>
#include <unistd.h>

/* There where systemd is the first process, also of a container: sd_booted(3). */
#define SYSTEMD_MARK "/run/systemd/system"

/* Files by which container engines mark what they run: Docker, Podman. */
static const char *const container_marks[] = { "/.dockerenv", "/run/.containerenv" };

char *
rd_process_dup_program (GError **error)
{
  return g_file_read_link ("/proc/self/exe", error);
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
