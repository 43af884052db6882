/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The program ringdownctl. Its exit status is 0, or 1 with one line on standard error. */

#include <signal.h>
#include <stdio.h>

#include "ctl-command.h"
#include "rd-startup.h"
#include "rd-text.h"

#define MAX_MESSAGE_CHARS 1000

/* GIO warns about signals and properties of a wrong type, which are untrusted input here. */
static void
ignore (const char *domain, GLogLevelFlags level, const char *message, gpointer user_data)
{
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *message = NULL;

  signal (SIGPIPE, SIG_IGN); /* ctl_output_check() handles EPIPE */
  rd_startup ();
  g_set_prgname ("ringdownctl");
  g_log_set_handler ("GLib-GIO", G_LOG_LEVEL_WARNING, ignore, NULL);

  if (ctl_command_run (argv, &error))
    return 0;

  message = rd_text_printable (error->message, MAX_MESSAGE_CHARS);
  fprintf (stderr, "ringdownctl: %s\n", message);
  return 1;
}
