/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A process between one and its grandchild, which tells how that ended, kills it when told to, and
 * by its own end leaves it to the next of its ancestors that adopts orphans. All of this runs in a
 * copy of a process with threads: nothing is called but system calls and what signal-safety(7)
 * allows. */

#include "rd-guard.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NO_PROCESS \
  "ringdown: cannot create a process; raise TasksMax= of the unit, or “ulimit -u”\n"

/* Ends as a child did whose @status waitpid(2) told. */
static void
end_as (int status)
{
  sigset_t others;

  if (WIFEXITED (status))
    _exit (WEXITSTATUS (status));

  prctl (PR_SET_DUMPABLE, 0); /* one core dump is enough */
  signal (WTERMSIG (status), SIG_DFL);
  sigfillset (&others);
  sigdelset (&others, WTERMSIG (status));
  sigprocmask (SIG_SETMASK, &others, NULL);
  raise (WTERMSIG (status));
  _exit (128 + WTERMSIG (status));
}

/* Waits for the end of @child, or that of whoever has the other end of @word_fd. @pidfd: stands for
 * @child. Never returns. */
static void
watch (pid_t child, int pidfd, int word_fd)
{
  struct pollfd polled[] = { { .fd = word_fd, .events = POLLIN },
                             { .fd = pidfd, .events = POLLIN } };
  int status;
  char word;

  while (polled[1].revents == 0)
    {
      if (poll (polled, G_N_ELEMENTS (polled), -1) < 0 || polled[0].revents == 0)
        continue;
      if (read (word_fd, &word, 1) <= 0)
        _exit (0);
      kill (child, SIGKILL);
    }

  if (waitpid (child, &status, 0) == child)
    end_as (status);
  _exit (EXIT_FAILURE);
}

void
rd_guard_divide (int word_fd)
{
  struct pollfd log = { .fd = STDERR_FILENO, .events = POLLOUT };
  const pid_t child = _Fork ();
  sigset_t all;
  int pidfd;

  if (child == 0)
    return;
  if (child < 0)
    {
      if (poll (&log, 1, 0) > 0) /* must not block */
        (void) !write (STDERR_FILENO, NO_PROCESS, strlen (NO_PROCESS));
      _exit (EXIT_FAILURE);
    }

  /* signals to the group are meant for the others */
  sigfillset (&all);
  sigprocmask (SIG_SETMASK, &all, NULL);

  /* nobody's connection may be held open here, nor the pipe by which it is told that the child has
   * become another program */
  if (dup2 (word_fd, STDIN_FILENO) >= 0 && close_range (STDIN_FILENO + 1, ~0U, 0) == 0
      && (pidfd = pidfd_open (child, 0)) >= 0)
    watch (child, pidfd, STDIN_FILENO);

  kill (child, SIGKILL);
  _exit (EXIT_FAILURE);
}
