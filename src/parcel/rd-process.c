/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Finds the program of this process, whether this process is the first of a container, and whether
 * another process has ended. */

#include "rd-process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* A link to the program of this process; valid even if the file was unlinked: proc(5). */
#define OWN_PROGRAM "/proc/self/exe"

/* Exists if systemd is the init process, in a container too: sd_booted(3). */
#define SYSTEMD_MARK "/run/systemd/system"

/* Files that exist in every container of Docker and Podman. */
static const char *const container_marks[] = { "/.dockerenv", "/run/.containerenv" };

/* Returns: (transfer full) (nullable): the path by which a shell finds @argv0, links unresolved. */
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

  /* open(2) rather than stat(2): valgrind makes open() return the program under test */
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

static gboolean
has_container_mark (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (container_marks); i++)
    if (g_file_test (container_marks[i], G_FILE_TEST_EXISTS))
      return TRUE;

  return FALSE;
}

gboolean
rd_process_ends_container (void)
{
  if (getpid () == 1)
    return TRUE;
  if (getppid () != 1 || g_file_test (SYSTEMD_MARK, G_FILE_TEST_IS_DIR))
    return FALSE;

  return has_container_mark ();
}

/* Reads the name and the parent of process @pid: proc(5). @is_ringdown: (out). Returns: process id
 * of the parent; -1 on failure. */
static pid_t
get_parent (pid_t pid, gboolean *is_ringdown)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int) pid);
  g_autofree char *stat = NULL;
  const char *name, *rest;

  if (!g_file_get_contents (path, &stat, NULL, NULL))
    return -1;

  name = strchr (stat, '(');
  rest = strrchr (stat, ')');
  if (name == NULL || rest == NULL || strlen (rest) < strlen (") S "))
    return -1;

  *is_ringdown = g_str_has_prefix (name, "(ringdown) ");
  return (pid_t) g_ascii_strtoll (rest + strlen (") S "), NULL, 10);
}

pid_t
rd_process_find_service (void)
{
  g_autoptr (GDir) proc = g_dir_open ("/proc", 0, NULL);
  const char *name;
  gboolean is_ringdown;
  pid_t found = 0;

  if (get_parent (1, &is_ringdown) >= 0 && is_ringdown)
    return getpid () != 1 ? 1 : 0;
  if (!has_container_mark () || g_file_test (SYSTEMD_MARK, G_FILE_TEST_IS_DIR))
    return 0;

  while (proc != NULL && (name = g_dir_read_name (proc)) != NULL)
    {
      const pid_t pid = (pid_t) g_ascii_strtoll (name, NULL, 10);

      if (pid <= 1 || pid == getpid () || get_parent (pid, &is_ringdown) != 1)
        continue;
      if (found != 0 || !is_ringdown)
        return 0; /* the init process runs other programs, too */
      found = pid;
    }
  return found;
}

int
rd_process_open (pid_t pid)
{
  return pidfd_open (pid, 0);
}

gboolean
rd_process_has_ended (int pidfd, int timeout_ms)
{
  const gint64 deadline_us = g_get_monotonic_time ()
                             + timeout_ms * (gint64) G_TIME_SPAN_MILLISECOND;
  struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };
  int n = 1;

  while (pidfd >= 0 && (n = poll (&poll_fd, 1, timeout_ms)) < 0 && errno == EINTR)
    timeout_ms = MAX (deadline_us - g_get_monotonic_time () + 999, 0) / 1000;
  return n > 0;
}
