/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A process between one and its grandchild, which tells how that ended, kills it when told to, and
 * by its own end leaves it to the next of its ancestors that adopts orphans. All of this runs in a
 * copy of a process with threads: nothing is called but what signal-safety(7) allows. */

#include "rd-guard.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Ends as a child did whose @status waitpid(2) told. */
static void
end_as (int status)
{
  const struct rlimit no_core = { 0, 0 };
  sigset_t none;

  if (WIFEXITED (status))
    _exit (WEXITSTATUS (status));

  setrlimit (RLIMIT_CORE, &no_core); /* one of the child is enough */
  signal (WTERMSIG (status), SIG_DFL);
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  raise (WTERMSIG (status));
  _exit (128 + WTERMSIG (status));
}

/* Waits for the end of @child, or that of whoever has the other end of @word_fd. Never returns. */
static void
watch (pid_t child, int word_fd)
{
  struct pollfd polled[] = { { .fd = word_fd, .events = POLLIN },
                             { .fd = pidfd_open (child, 0), .events = POLLIN } };
  sigset_t all;
  int status;
  char word;

  /* signals to the group are meant for the others */
  sigfillset (&all);
  sigprocmask (SIG_SETMASK, &all, NULL);

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
  const pid_t child = _Fork ();

  if (child < 0)
    _exit (EXIT_FAILURE);
  if (child == 0)
    return;

  /* nobody's connection is to be held open here */
  dup2 (word_fd, STDIN_FILENO);
  close_range (STDIN_FILENO + 1, ~0U, 0);
  watch (child, STDIN_FILENO);
}
