/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Finds out what started this process: a container, systemd or a terminal. */

#include "rd-launch-env.h"

#include "rd-process.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* Returns: whether systemd started this process as a unit without NOTIFY_SOCKET: it then cannot be
 * told of a new main process. */
static gboolean
is_unnotified_unit (char **environment)
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

/* nohup(1) and an old worker ignore SIGHUP for the processes that they start. */
static gboolean
ignores_hangup (void)
{
  struct sigaction action;

  return sigaction (SIGHUP, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

RdLaunchEnv
rd_launch_env_read (char **environment, gboolean is_takeover)
{
  RdLaunchEnv self = { .ends_with_terminal = has_terminal () && !ignores_hangup () };

  if (is_takeover)
    return self;

  if (rd_process_ends_container ())
    self.no_upgrade_reason = "the container ends with its first process, so no new worker can "
                             "replace it; drain this container and start another one";
  else if (is_unnotified_unit (environment))
    {
      self.is_unnotified_unit = TRUE;
      self.no_upgrade_reason = "systemd cannot be told of a new main process; set Type=notify in "
                               "the unit, then stop and start it";
      g_warning ("Upgrades are not possible: %s", self.no_upgrade_reason);
    }

  return self;
}

gboolean
rd_launch_env_lost_terminal (const RdLaunchEnv *self)
{
  return self->ends_with_terminal && !has_terminal ();
}
