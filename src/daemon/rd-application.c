/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The service process: acquires the D-Bus name, takes over from an old worker if there is one,
 * handles signals, and exits when the service has drained or a new worker has taken over. */

#include "rd-application.h"

#include "rd-error.h"
#include "rd-handover.h"
#include "rd-name.h"
#include "rd-predecessor.h"
#include "rd-process.h"
#include "rd-restart.h"
#include "rd-start-signals.h"
#include "rd-vigil.h"

#include <glib-unix.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#define FORWARD_CALLS_MS 1000 /* time limit for forwarding D-Bus calls after a hand-over */

/* A GApplication that owns the components of the service. */
#define RD_TYPE_APPLICATION (rd_application_get_type ())
G_DECLARE_FINAL_TYPE (RdApplication, rd_application, RD, APPLICATION, GApplication)

struct _RdApplication
{
  GApplication parent_instance;

  const RdConfig *config;           /* unowned: outlives the application */
  RdInherited *inherited;           /* owned */
  RdSuccession *takeover;           /* unowned; NULL if there is no old worker */
  RdComponents *components;         /* owned */
  const RdLaunchEnv *launch_env;    /* unowned: outlives the application */
  const RdHandoverOptions *options; /* unowned: outlives the application */
  RdHandover *handover;             /* owned */
  RdRestart *restart;               /* owned */
  RdName *name;                     /* owned; NULL: no message bus is configured or known */
  GDBusMethodInvocation *caller;    /* owned, nullable: D-Bus call of Upgrade, to be answered */
  gboolean is_handed_over;          /* a new worker has taken over */
  gboolean is_restart_pending;      /* SIGUSR1 arrived during a hand-over */
  gboolean outlives_worker;         /* this process must not exit before the new worker does */
  GError *error;                    /* owned, nullable: error of rd_application_run() */
};

G_DEFINE_FINAL_TYPE (RdApplication, rd_application, G_TYPE_APPLICATION)

static void
stop (RdApplication *self)
{
  rd_systemd_stopping (self->components->systemd);
  rd_drain_interrupt (self->components->drain, g_get_monotonic_time ());
}

/* Sends a signal to the new worker, if there is one. Returns: whether there is one. */
static gboolean
forward_signal (RdApplication *self, int number)
{
  const pid_t pid = rd_handover_get_new_worker (self->handover);

  if (pid > 0)
    kill (pid, number);
  return pid > 0;
}

/* Forwards a stop signal from systemd to the new worker. This process then waits for the new worker
 * to exit, because systemd may be waiting only for this process. Returns: whether there is a new
 * worker. */
static gboolean
forward_stop_signal (RdApplication *self, int number)
{
  if (!forward_signal (self, number))
    return FALSE;

  self->outlives_worker = rd_systemd_extend_timeout (self->components->systemd);
  return TRUE;
}

static gboolean
on_sigterm (gpointer user_data)
{
  RdApplication *self = user_data;

  if (!forward_stop_signal (self, SIGTERM))
    stop (self);
  return G_SOURCE_CONTINUE;
}

/* Does not forward SIGINT to the new worker: a terminal sends SIGINT to both workers. */
static gboolean
on_sigint (gpointer user_data)
{
  RdApplication *self = user_data;

  if (rd_handover_get_new_worker (self->handover) == 0)
    stop (self);
  return G_SOURCE_CONTINUE;
}

static void
quit (gpointer user_data)
{
  RdApplication *self = user_data;

  rd_call_forwarder_refuse_held (self->components->forwarder);
  /* leave the CPU to the new worker: freeing 10 000 clients takes 20 ms of CPU time */
  setpriority (PRIO_PROCESS, 0, PRIO_MAX - 1);
  g_application_quit (G_APPLICATION (self));
}

/* Returns: (transfer none) (nullable): the connection to the message bus. */
static GDBusConnection *
get_bus (RdApplication *self)
{
  return self->name != NULL ? rd_name_get_connection (self->name) : NULL;
}

/* Forwards the held D-Bus calls to the new owner of the D-Bus name. */
static void
forward_calls (RdApplication *self)
{
  g_autofree char *id = rd_config_dup_application_id (self->config);

  rd_call_forwarder_release (self->components->forwarder, get_bus (self), id, quit, self);
}

/* Handles a failed hand-over. @caller: (nullable): D-Bus call of Upgrade, to be answered. */
static void
on_handover_failed (RdApplication *self, GDBusMethodInvocation *caller, const GError *error)
{
  g_warning ("Hand-over failed: %s", error->message);
  self->components->metrics->failed_handovers++;
  if (caller != NULL)
    g_dbus_method_invocation_return_gerror (g_object_ref (caller), error);

  if (rd_handover_get_new_worker (self->handover) > 0) /* the new worker took over, then failed */
    {
      self->error = g_error_copy (error);
      quit (self);
    }
  else if (self->is_restart_pending)
    {
      self->is_restart_pending = FALSE;
      rd_restart_begin (self->restart);
    }
}

static void
on_handover (const GError *error, gpointer user_data)
{
  RdApplication *self = user_data;
  g_autoptr (GDBusMethodInvocation) caller = g_steal_pointer (&self->caller);

  if (error != NULL)
    {
      on_handover_failed (self, caller, error);
      return;
    }

  if (caller != NULL)
    rd_dbus_server1_complete_upgrade (RD_DBUS_SERVER1 (self->components->service),
                                      g_object_ref (caller));
  if (self->is_restart_pending)
    forward_stop_signal (self, SIGUSR1);
  g_message ("New worker (process %d) has taken over; this process exits",
             (int) rd_handover_get_new_worker (self->handover));
  self->is_handed_over = TRUE;
  g_timeout_add_once (FORWARD_CALLS_MS, quit, self);
  if (self->name != NULL)
    rd_name_retire (self->name);
  if (self->name == NULL || !rd_name_is_owned (self->name))
    forward_calls (self);
}

static gboolean
on_sigusr1 (gpointer user_data)
{
  RdApplication *self = user_data;

  if (forward_stop_signal (self, SIGUSR1))
    return G_SOURCE_CONTINUE;

  rd_systemd_extend_timeout (self->components->systemd);
  if (rd_handover_is_under_way (self->handover))
    {
      self->is_restart_pending = TRUE;
      rd_handover_cancel (self->handover); /* a hand-over could outlast systemd's stop timeout */
    }
  else
    rd_restart_begin (self->restart);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_sighup (gpointer user_data)
{
  RdApplication *self = user_data;
  g_autoptr (GError) error = NULL;

  if (forward_signal (self, SIGHUP))
    return G_SOURCE_CONTINUE;

  if (rd_launch_env_lost_terminal (self->launch_env))
    stop (self);
  else if (!rd_handover_upgrade (self->handover, on_handover, self, &error))
    g_warning ("Hand-over not started: %s", error->message);
  return G_SOURCE_CONTINUE;
}

static void
on_upgrade (RdService *service, GDBusMethodInvocation *invocation, gpointer user_data)
{
  RdApplication *self = user_data;
  g_autoptr (GError) error = NULL;

  if (rd_handover_upgrade (self->handover, on_handover, self, &error))
    self->caller = invocation;
  else
    g_dbus_method_invocation_return_gerror (invocation, error);
}

static void
on_hand_over (RdService *service, int fd, GDBusMethodInvocation *invocation, gpointer user_data)
{
  RdApplication *self = user_data;
  g_autoptr (GError) error = NULL;

  if (rd_handover_to (self->handover, fd, on_handover, self, &error))
    rd_dbus_server1_complete_hand_over (RD_DBUS_SERVER1 (service), invocation, NULL);
  else
    g_dbus_method_invocation_return_gerror (invocation, error);
}

static void
on_finished (gpointer user_data)
{
  RdApplication *self = user_data;

  if (self->caller != NULL)
    g_dbus_method_invocation_return_error_literal (
      g_steal_pointer (&self->caller), RD_ERROR, RD_ERROR_BUSY,
      "cannot upgrade: the service has drained and is exiting");
  g_application_quit (G_APPLICATION (self));
}

static void
on_drain_state (RdApplication *self)
{
  if (rd_drain_is_drained (self->components->drain))
    rd_components_finish (self->components, on_finished, self);
}

static void
rd_application_startup (GApplication *application)
{
  RdApplication *self = RD_APPLICATION (application);

  G_APPLICATION_CLASS (rd_application_parent_class)->startup (application);

  self->restart = rd_restart_new (self->components, self->handover, self->launch_env, self->options,
                                  get_bus (self));
  g_application_hold (application);
  if (self->takeover != NULL)
    {
      rd_succession_begin (self->takeover);
      return;
    }

  rd_components_start (self->components, RD_NOTIFIER_NEVER);
  if (self->inherited->channels->len > 0) /* the stored clients could not be read */
    rd_systemd_unstore (self->components->systemd, RD_INHERITED_CHANNEL);
  rd_systemd_ready (self->components->systemd);
}

/* Does nothing; the default handler of GLib would log a warning. */
static void
rd_application_activate (GApplication *application)
{
}

/* Another process has acquired the D-Bus name. */
static void
on_name_lost (gpointer user_data)
{
  RdApplication *self = user_data;
  g_autofree char *id = rd_config_dup_application_id (self->config);

  if (self->is_handed_over)
    forward_calls (self);
  else if (rd_handover_get_new_worker (self->handover) == 0)
    g_warning ("Another process has acquired the bus name %s: running without it", id);
}

/* Frees the clients, the listeners and the components, but not the GApplication. */
static void
release (RdApplication *self)
{
  g_clear_pointer (&self->restart, rd_restart_free);
  g_clear_pointer (&self->name, rd_name_free);
  g_clear_pointer (&self->handover, rd_handover_free);
  g_clear_pointer (&self->components, rd_components_free);
  g_clear_pointer (&self->inherited, rd_inherited_free);
}

static void
rd_application_finalize (GObject *object)
{
  RdApplication *self = RD_APPLICATION (object);

  release (self);
  g_clear_error (&self->error);
  G_OBJECT_CLASS (rd_application_parent_class)->finalize (object);
}

static void
rd_application_class_init (RdApplicationClass *klass)
{
  GApplicationClass *application_class = G_APPLICATION_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = rd_application_finalize;
  application_class->activate = rd_application_activate;
  application_class->startup = rd_application_startup;
}

static void
rd_application_init (RdApplication *self)
{
}

/* Connects to the message bus, if it is configured. */
static void
connect_bus (RdApplication *self, char **environment)
{
  g_autofree char *id = rd_config_dup_application_id (self->config);
  g_autofree char *address = NULL;
  g_autoptr (GError) error = NULL;

  if (id == NULL)
    return;

  address = rd_config_dup_bus_address (self->config, environment, &error);
  if (address == NULL)
    {
      g_message ("Cannot connect to a message bus, running without D-Bus: %s", error->message);
      return;
    }

  self->name = rd_name_new (address, id, G_DBUS_INTERFACE_SKELETON (self->components->service),
                            self->takeover != NULL, on_name_lost, self);
  rd_name_connect (self->name);
  g_set_object (&self->components->connection, get_bus (self));
}

static gboolean
make_components (RdApplication *self,
                 char **environment,
                 const RdHandoverOptions *options,
                 GError **error)
{
  const char *node = self->takeover != NULL ? rd_succession_get_node (self->takeover) : NULL;

  self->components = rd_components_new (self->config, node, environment, error);
  if (self->components == NULL
      || (self->takeover != NULL
          && !rd_succession_prepare (self->takeover, self->components, error)))
    return FALSE;

  self->options = options;
  self->handover = rd_handover_new (self->components, options);
  g_signal_connect_object (self->components->drain, "state-changed", G_CALLBACK (on_drain_state),
                           self, G_CONNECT_SWAPPED);
  g_signal_connect_object (self->components->service, "upgrade", G_CALLBACK (on_upgrade), self, 0);
  g_signal_connect_object (self->components->service, "hand-over", G_CALLBACK (on_hand_over), self,
                           0);
  return TRUE;
}

/* Handles the signals, except those that the starter of the program ignores, as nohup(1) does. The
 * handlers are never removed: a signal during the exit must not change the exit status. */
static void
handle_signals (RdApplication *self)
{
  static const struct
  {
    int number;
    GSourceFunc func;
  } table[] = { { SIGTERM, on_sigterm },
                { SIGINT, on_sigint },
                { SIGHUP, on_sighup },
                { SIGUSR2, on_sighup },
                { SIGUSR1, on_sigusr1 } };

  for (gsize i = 0; i < G_N_ELEMENTS (table); i++)
    if (!sigismember (&self->launch_env->ignored, table[i].number))
      g_unix_signal_add (table[i].number, table[i].func, self);
  rd_start_signals_end ();
}

/* Acquires the D-Bus name last: if the takeover fails, the old worker keeps it. */
static gboolean
take_over (RdApplication *self, GError **error)
{
  GPtrArray *offers = rd_succession_get_offers (self->takeover);

  rd_inherited_take_over (self->inherited, offers);
  if (!rd_components_listen (self->components, self->inherited, offers, error))
    return FALSE;

  handle_signals (self);
  return rd_succession_take (self->takeover, error)
         && (self->name == NULL || rd_name_acquire (self->name, error));
}

static gboolean
start (RdApplication *self, GError **error)
{
  if ((self->name != NULL && !rd_name_acquire (self->name, error))
      || !rd_components_listen (self->components, self->inherited, NULL, error))
    return FALSE;

  handle_signals (self);
  return TRUE;
}

/* Finds the old worker, creates the components, and opens the ports or takes them over. */
static gboolean
construct (RdApplication *self,
           char **environment,
           const RdHandoverOptions *options,
           RdSuccession **takeover,
           GError **error)
{
  self->inherited = rd_inherited_new (environment, RD_INHERITED_FIRST, error);
  if (self->inherited == NULL
      || !rd_predecessor_find (self->config, environment, self->inherited, takeover, error))
    return FALSE;

  self->takeover = *takeover;
  if (!make_components (self, environment, options, error))
    return FALSE;

  connect_bus (self, environment);
  return self->takeover != NULL ? take_over (self, error) : start (self, error);
}

/* Waits for the new worker to exit. First closes this process's duplicates of the client sockets,
 * because a connection stays open until all duplicates are closed. */
static void
wait_for_new_worker (RdApplication *self)
{
  const pid_t pid = rd_handover_get_new_worker (self->handover);
  g_autoptr (RdSystemd) systemd = g_steal_pointer (&self->components->systemd);

  release (self);
  rd_vigil_keep (systemd, pid);
}

gboolean
rd_application_run (const RdConfig *config,
                    char **argv,
                    char **environment,
                    RdSuccession **takeover,
                    GError **error)
{
  g_autofree char *program = rd_process_dup_program (argv[0], error);
  g_auto (GStrv) child_environment = rd_systemd_dup_child_environment (environment);
  const RdLaunchEnv launch_env = rd_launch_env_read (environment, *takeover != NULL);
  const RdHandoverOptions options = { .program = program,
                                      .argv = (const char *const *) argv,
                                      .environment = child_environment,
                                      .hindrance = launch_env.no_upgrade_reason,
                                      .timeout_us = config->handover_timeout_us };
  g_autoptr (RdApplication) self = g_object_new (RD_TYPE_APPLICATION, "flags",
                                                 G_APPLICATION_IS_SERVICE, NULL);
  GApplication *application = G_APPLICATION (self);

  rd_systemd_clear_environment ();
  /* g_application_register() would connect to the session bus: without a time limit, and so that
   * the end of the bus ends this process. RdName connects to the bus. */
  g_setenv ("DBUS_SESSION_BUS_ADDRESS", "disabled:", TRUE);
  self->config = config;
  self->launch_env = &launch_env;
  if (program == NULL || !construct (self, environment, &options, takeover, error)
      || !g_application_register (application, NULL, error))
    return FALSE;

  g_application_run (application, 0, NULL);
  g_clear_pointer (&self->name, rd_name_free);
  if (self->outlives_worker)
    wait_for_new_worker (self);
  if (self->error == NULL)
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&self->error));
  return FALSE;
}
