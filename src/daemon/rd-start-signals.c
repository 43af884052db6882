/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Handles signals that arrive while the program starts. */

#include "rd-start-signals.h"

#include <glib.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static const int ending[] = { SIGTERM, SIGINT, SIGUSR1 };
static const int waiting[] = { SIGHUP, SIGUSR2 };

/* Async-signal-safe (signal-safety(7)). */
static void
on_signal (int number)
{
  _exit (EXIT_SUCCESS);
}

/* Replaces @from, the handler of the signals that end the process, with @to. */
static void
replace (void (*from) (int), void (*to) (int))
{
  struct sigaction action;

  for (gsize i = 0; i < G_N_ELEMENTS (ending); i++)
    if (sigaction (ending[i], NULL, &action) == 0 && action.sa_handler == from)
      signal (ending[i], to);
}

/* Blocks the signals that wait, except ignored ones: the kernel keeps ignored signals, too, while
 * they are blocked. */
static void
block (void)
{
  struct sigaction action;
  sigset_t set;

  sigemptyset (&set);
  for (gsize i = 0; i < G_N_ELEMENTS (waiting); i++)
    if (sigaction (waiting[i], NULL, &action) == 0 && action.sa_handler == SIG_DFL)
      sigaddset (&set, waiting[i]);
  sigprocmask (SIG_BLOCK, &set, NULL);
}

void
rd_start_signals_begin (void)
{
  block ();
  replace (SIG_DFL, on_signal);
}

void
rd_start_signals_end (void)
{
  sigset_t set;

  sigemptyset (&set);
  for (gsize i = 0; i < G_N_ELEMENTS (waiting); i++)
    sigaddset (&set, waiting[i]);
  sigprocmask (SIG_UNBLOCK, &set, NULL);
}

void
rd_start_signals_cancel (void)
{
  replace (on_signal, SIG_DFL);
  rd_start_signals_end ();
}
