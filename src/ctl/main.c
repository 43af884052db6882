/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The program ringdownctl: reads the command line, runs the command, and says in one line why it
 * could not. The exit status is 0, or 1 with that line. The only file that writes to standard
 * error; never knows what a command does. */

#include <signal.h>
#include <stdio.h>

#include "ctl-arguments.h"
#include "ctl-commands.h"
#include "ctl-help.h"
#include "rd-startup.h"
#include "rd-text.h"

#define MAX_MESSAGE_CHARS 1000

static gboolean
run (const CtlArguments *arguments, CtlOutput *output, GError **error)
{
  if (ctl_arguments_has (arguments, "help"))
    ctl_help_print (ctl_arguments_get_command (arguments), output);
  else if (ctl_arguments_has (arguments, "version"))
    ctl_output_print (output, "ringdownctl " RINGDOWN_VERSION "\n");
  else if (!ctl_arguments_get_command (arguments)->run (arguments, output, error))
    return FALSE;

  return ctl_output_check (output, error);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CtlArguments) arguments = NULL;
  g_autoptr (CtlOutput) output = NULL;
  g_autofree char *message = NULL;

  signal (SIGPIPE, SIG_IGN); /* a reader who has had enough is no error: see ctl-output */
  rd_startup ();
  g_set_prgname ("ringdownctl");

  arguments = ctl_arguments_parse ((const char *const *) argv + MIN (argc, 1), &error);
  if (arguments != NULL)
    {
      output = ctl_output_new (ctl_arguments_has (arguments, "json"));
      if (run (arguments, output, &error))
        return 0;
    }

  /* whatever is quoted in it */
  message = rd_text_printable (error->message, MAX_MESSAGE_CHARS);
  fprintf (stderr, "ringdownctl: %s\n", message);
  return 1;
}
