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
#include "rd-trial.h"
#include "rd-unit.h"
#include "rd-units.h"

#define TIMEOUT_MS     10000 /* time limit of each D-Bus call to systemd */
#define MAX_NAME_CHARS 128
#define RETRY_MS       1000 /* interval of trials while the configuration is invalid */

struct _RdRestart
{
  RdComponents *components;         /* unowned */
  RdHandover *handover;             /* unowned */
  const RdLaunchEnv *launch_env;    /* unowned */
  const RdHandoverOptions *options; /* unowned */
  GDBusConnection *bus;             /* owned, nullable */
  GVariant *service;                /* owned, nullable: properties of the unit at the start */
  GCancellable *cancellable;        /* owned; cancelled when this struct is freed */
  gboolean is_trying;               /* a trial runs, or retry_id is set */
  guint retry_id;
  gint64 deadline_us; /* monotonic time when to drain if the configuration is still invalid */
  char *refusal;      /* owned, nullable: why the restart waits */
};

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

/* Reads the name and the "Service" properties of the unit of this process. Runs in a thread. The
 * result has the type (sa{sv}). */
static void
read_own_unit (GTask *task, gpointer bus, gpointer data, GCancellable *cancellable)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) service = NULL;
  g_autoptr (GVariant) unit = rd_unit_load (bus, NULL, &service, TIMEOUT_MS, cancellable, &error);
  const char *name = "";

  if (unit == NULL)
    {
      g_task_return_error (task, g_steal_pointer (&error));
      return;
    }

  g_variant_lookup (unit, "Id", "&s", &name);
  g_task_return_pointer (task, g_variant_ref_sink (g_variant_new ("(s@a{sv})", name, service)),
                         (GDestroyNotify) g_variant_unref);
}

static void
on_own_unit (GObject *bus, GAsyncResult *result, gpointer user_data)
{
  RdRestart *self = user_data; /* points to freed memory if the task was cancelled */
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = g_task_propagate_pointer (G_TASK (result), &error);
  g_autoptr (GVariant) service = NULL;
  g_autoptr (GPtrArray) problems = NULL;
  g_autofree char *shown = NULL;
  const char *name;
  guint32 main_pid = 0;

  if (answer == NULL)
    {
      g_debug ("Cannot check the unit's restart settings: %s", error->message);
      return;
    }

  g_variant_get (answer, "(&s@a{sv})", &name, &service);
  self->service = g_variant_ref (service);
  g_variant_lookup (service, "MainPID", "u", &main_pid);
  if (main_pid != (guint32) getpid ())
    {
      /* a unit that only contains this process, or the old worker is still the main process */
      g_debug ("The unit of this process has another main process");
      return;
    }

  shown = rd_text_printable (name, MAX_NAME_CHARS);
  problems = rd_unit_check_restart (service, shown,
                                    self->components->config->bus == RD_CONFIG_BUS_SESSION);
  for (guint i = 0; i < problems->len; i++)
    g_warning ("%s", (const char *) problems->pdata[i]);
}

RdRestart *
rd_restart_new (RdComponents *components,
                RdHandover *handover,
                const RdLaunchEnv *launch_env,
                const RdHandoverOptions *options,
                GDBusConnection *bus)
{
  RdRestart *self = g_new (RdRestart, 1);
  g_autoptr (GTask) task = NULL;

  *self = (RdRestart){ .components = components,
                       .handover = handover,
                       .launch_env = launch_env,
                       .options = options,
                       .cancellable = g_cancellable_new () };
  g_set_object (&self->bus, bus);
  if (bus == NULL || !rd_systemd_is_connected (components->systemd))
    return self;

  task = g_task_new (bus, self->cancellable, on_own_unit, self);
  g_task_run_in_thread (task, read_own_unit);
  return self;
}

void
rd_restart_free (RdRestart *self)
{
  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  g_clear_object (&self->bus);
  g_clear_pointer (&self->service, g_variant_unref);
  g_clear_handle_id (&self->retry_id, g_source_remove);
  g_free (self->refusal);
  g_free (self);
}

/* Drains instead of storing the clients. */
static void
drain_instead (RdRestart *self)
{
  rd_systemd_stopping (self->components->systemd);
  /* not rd_drain_interrupt(), whose second call would close all clients */
  rd_drain_begin (self->components->drain, -1);
}

static void
on_stored (const GError *error, gpointer user_data)
{
  RdRestart *self = user_data;

  if (error == NULL)
    {
      g_message ("Client connections stored for the next start; exiting");
      /* not exit(): freeing 10 000 clients takes 20 ms and would delay the next start */
      _exit (EXIT_SUCCESS);
    }

  g_warning ("Cannot store clients in the service manager, draining instead: %s", error->message);
  drain_instead (self);
}

static void
store (RdRestart *self)
{
  g_autoptr (GError) error = NULL;

  if (!rd_handover_store (self->handover, on_stored, self, &error))
    on_stored (error, self);
}

static void try_new_program (RdRestart *self);

static gboolean
on_retry (gpointer user_data)
{
  RdRestart *self = user_data;

  self->retry_id = 0;
  self->is_trying = FALSE;
  rd_systemd_extend_timeout (self->components->systemd);
  if (rd_drain_is_running (self->components->drain)
      && rd_handover_get_new_worker (self->handover) == 0)
    try_new_program (self);
  return G_SOURCE_REMOVE;
}

/* Keeps serving the clients, and tries again later. @refusal: why the new process cannot start. */
static void
wait (RdRestart *self, const char *refusal)
{
  const gint64 left_us = self->deadline_us - g_get_monotonic_time ();
  g_autofree char *left = rd_units_format_seconds (MAX (left_us, 0) / G_TIME_SPAN_SECOND);

  if (left_us <= 0)
    {
      g_warning ("Cannot restart, draining instead: %s", refusal);
      drain_instead (self);
      return;
    }

  if (g_strcmp0 (refusal, self->refusal) != 0)
    g_warning ("Cannot restart: the new process could not start. This process serves the clients, "
               "and restarts once that is corrected, or drains in %s: %s",
               left, refusal);
  g_free (self->refusal);
  self->refusal = g_strdup (refusal);
  self->is_trying = TRUE;
  self->retry_id = g_timeout_add (RETRY_MS, on_retry, self);
}

static void
on_tried (GObject *bus, GAsyncResult *result, gpointer user_data)
{
  RdRestart *self = user_data; /* points to freed memory if the task was cancelled */
  g_autoptr (GError) error = NULL;

  rd_trial_finish (result, &error);
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;

  self->is_trying = FALSE;
  if (!rd_drain_is_running (self->components->drain)
      || rd_handover_get_new_worker (self->handover) > 0)
    return;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED))
    drain_instead (self);
  else if (error != NULL || rd_handover_is_under_way (self->handover))
    wait (self, error != NULL ? error->message : "an upgrade is in progress");
  else
    store (self);
}

/* Stores the clients if the program of the unit can read its configuration. */
static void
try_new_program (RdRestart *self)
{
  self->is_trying = TRUE;
  rd_trial_run (self->bus, self->service, self->options->program, self->options->environment,
                self->cancellable, on_tried, self);
}

void
rd_restart_begin (RdRestart *self)
{
  if (self->launch_env->is_unnotified_unit)
    drain_instead (self);
  else if (!rd_systemd_is_connected (self->components->systemd))
    g_warning ("Ignoring SIGUSR1: it is only for restarts by a service manager, and there is none. "
               "To upgrade, send SIGHUP; to drain, send SIGTERM");
  else if (!rd_drain_is_running (self->components->drain))
    {
      g_message ("Already draining: the restart will follow the drain");
      drain_instead (self);
    }
  else if (self->bus == NULL)
    store (self);
  else if (!self->is_trying)
    {
      self->deadline_us = g_get_monotonic_time () + self->components->config->drain_timeout_us;
      try_new_program (self);
    }
}
