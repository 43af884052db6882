/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* What is to be known of whoever started this process: a container or a service manager that ends
 * with it, a person at a terminal that may be closed. Warns of a unit in which an upgrade would be
 * a trap; changes nothing, and leaves to others what follows. */

#include "rd-starter.h"

#include "rd-process.h"

#include <fcntl.h>
#include <glib/gi18n.h>
#include <signal.h>
#include <unistd.h>

/* Whether this is the main process of a unit whose manager does not listen to it, and so would not
 * hear of another main process. */
static gboolean
is_of_deaf_unit (char **environment)
{
  const char *main_pid = g_environ_getenv (environment, "SYSTEMD_EXEC_PID");
  g_autofree char *own_pid = g_strdup_printf ("%d", (int) getpid ());

  return g_strcmp0 (main_pid, own_pid) == 0
         && g_environ_getenv (environment, "NOTIFY_SOCKET") == NULL;
}

static gboolean
has_terminal (void)
{
  const int fd = open ("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);

  if (fd >= 0)
    close (fd);
  return fd >= 0;
}

/* As nohup(1) has it, and a predecessor. */
static gboolean
ignores_hangup (void)
{
  struct sigaction action;

  return sigaction (SIGHUP, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

RdStarter
rd_starter_ask (char **environment, gboolean is_successor)
{
  RdStarter starter = { .minds_terminal = has_terminal () && !ignores_hangup () };

  if (is_successor)
    return starter;

  if (rd_process_ends_container ())
    starter.hindrance = _ ("a container ends with its first process, so no other can take its "
                           "place; drain this one, and start another container");
  else if (is_of_deaf_unit (environment))
    {
      starter.is_deaf = TRUE;
      starter.hindrance = _ ("the unit ends with this process, as its service manager does not "
                             "listen to it; set Type=notify in the unit, and start it anew");
      g_warning (_ ("No other process can take over from this one: %s"), starter.hindrance);
    }

  return starter;
}

gboolean
rd_starter_has_hung_up (const RdStarter *self)
{
  return self->minds_terminal && !has_terminal ();
}
