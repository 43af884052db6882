/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Keeps clients connected when systemd restarts the unit: systemd sends SIGUSR1, waits until this
 * process exits, and starts a new process. Also detects how this process was started. */

#include "rd-restart.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "rd-process.h"
#include "rd-successor.h"
#include "rd-text.h"
#include "rd-unit.h"

#define TIMEOUT_MS     10000 /* time limit of each D-Bus call to systemd */
#define MAX_NAME_CHARS 128

/* Returns: whether systemd started this process without NOTIFY_SOCKET. Without it, a process
 * cannot report a new main process to systemd. */
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

RdLaunchEnv
rd_launch_env_read (char **environment, gboolean is_takeover)
{
  RdLaunchEnv self = { .ends_with_terminal = !is_takeover && has_terminal () };

  rd_successor_get_ignored (&self.ignored, is_takeover);
  if (is_takeover)
    return self;

  if (rd_process_ends_container ())
    self.no_upgrade_reason = "the container ends with its first process, so no new worker can "
                             "replace it; drain this container and start another one";
  else if (is_unnotified_unit (environment))
    {
      self.is_unnotified_unit = TRUE;
      self.no_upgrade_reason = "the unit has no notify socket, so systemd would not follow the "
                               "new worker; set Type=notify in the unit, then stop and start it";
      g_warning ("Upgrades are not possible: %s", self.no_upgrade_reason);
    }

  return self;
}

gboolean
rd_launch_env_lost_terminal (const RdLaunchEnv *self)
{
  return self->ends_with_terminal && !has_terminal ();
}

/* Warns if the unit disconnects clients when it restarts. @unit, @service: see rd_unit_load(). */
static void
warn_about_unit (GVariant *unit, GVariant *service, gboolean is_user)
{
  g_autoptr (GPtrArray) problems = NULL;
  g_autofree char *shown = NULL;
  const char *name = "";
  guint32 main_pid = 0;

  g_variant_lookup (service, "MainPID", "u", &main_pid);
  if (main_pid != (guint32) getpid ())
    return; /* for example, the unit of the session in which this process was started */

  g_variant_lookup (unit, "Id", "&s", &name);
  shown = rd_text_printable (name, MAX_NAME_CHARS);
  problems = rd_unit_check_restart (service, shown, is_user);
  for (guint i = 0; i < problems->len; i++)
    g_warning ("%s", (const char *) problems->pdata[i]);
}

/* Implements GTaskThreadFunc. */
static void
check_unit (GTask *task, gpointer bus, gpointer is_user, GCancellable *cancellable)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) service = NULL;
  g_autoptr (GVariant) unit = rd_unit_load (bus, NULL, &service, TIMEOUT_MS, cancellable, &error);

  if (unit != NULL)
    warn_about_unit (unit, service, GPOINTER_TO_INT (is_user));
  else
    g_debug ("Cannot check the unit's restart settings: %s", error->message);
  g_task_return_boolean (task, TRUE);
}

void
rd_restart_check_unit (GDBusConnection *bus, gboolean is_user)
{
  g_autoptr (GTask) task = g_task_new (bus, NULL, NULL, NULL);

  g_task_set_task_data (task, GINT_TO_POINTER (is_user), NULL);
  g_task_run_in_thread (task, check_unit);
}

/* Drains instead of storing the clients. */
static void
drain_instead (RdComponents *components)
{
  rd_systemd_stopping (components->systemd);
  /* not rd_drain_interrupt(), whose second call would close all clients */
  rd_drain_begin (components->drain, -1);
}

static void
on_stored (const GError *error, gpointer components)
{
  if (error == NULL)
    {
      g_message ("Client connections stored for the next start; exiting");
      /* not exit(): freeing 10 000 clients takes 20 ms and would delay the next start */
      _exit (EXIT_SUCCESS);
    }

  g_warning ("Cannot store clients in the service manager, draining instead: %s", error->message);
  drain_instead (components);
}

void
rd_restart_begin (RdComponents *components, RdHandover *handover, const RdLaunchEnv *launch_env)
{
  g_autoptr (GError) error = NULL;

  if (launch_env->is_unnotified_unit)
    drain_instead (components);
  else if (!rd_systemd_is_connected (components->systemd))
    g_warning ("Ignoring SIGUSR1: it is only for restarts by a service manager, and there is none. "
               "To upgrade, send SIGHUP; to drain, send SIGTERM");
  else if (!rd_drain_is_running (components->drain))
    {
      g_message ("Already draining: the restart will follow the drain");
      drain_instead (components);
    }
  else if (!rd_handover_store (handover, on_stored, components, &error))
    on_stored (error, components);
}
