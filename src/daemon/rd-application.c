/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The application: the life of the process, from taking its name, or the place of another process,
 * to the end of its drain, or to the moment when another process takes its place. Hears signals and
 * the bus. What it runs is rd-parts', how it changes hands is rd-handover's and rd-succession's. */

#include "rd-application.h"

#include "rd-error.h"
#include "rd-farewell.h"
#include "rd-handover.h"
#include "rd-name.h"
#include "rd-names.h"
#include "rd-predecessor.h"
#include "rd-process.h"
#include "rd-restart-check.h"
#include "rd-starter.h"
#include "rd-vigil.h"

#include <glib-unix.h>
#include <glib/gi18n.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* For the answers to those who asked this process while another took over. */
#define LAST_CALLS_MS 1000

#define FLAGS (G_APPLICATION_IS_SERVICE | G_APPLICATION_ALLOW_REPLACEMENT)

struct _RdApplication
{
  GApplication parent_instance;

  const RdConfig *config;   /* unowned: outlives us */
  RdInherited *inherited;   /* owned */
  RdSuccession *succession; /* owned, nullable: we are nobody's successor */
  GDBusConnection *bus;     /* owned, nullable: of a predecessor, too */
  RdParts *parts;           /* owned */
  char *program;            /* owned */
  char **environment;       /* owned: for a successor */
  RdStarter starter;
  RdHandoverOptions handover_options;
  RdHandover *handover;          /* owned */
  RdFarewell *farewell;          /* owned */
  RdRestartCheck *restart_check; /* owned, nullable: no service manager, or no bus to ask it on */
  GDBusMethodInvocation *caller; /* owned, nullable: waits for what the upgrade comes to */
  gboolean has_lost_name;        /* on the bus, or never had one */
  gboolean is_over;              /* here; another process is the service */
  gboolean is_to_restart;        /* as soon as the hand-over that is under way is over */
  gboolean is_to_stay;           /* when it is over here, until the heir has ended */
  GError *error;                 /* owned: why it could not start */
};

G_DEFINE_FINAL_TYPE (RdApplication, rd_application, G_TYPE_APPLICATION)

static void
stop (RdApplication *self)
{
  rd_systemd_stopping (self->parts->systemd);
  rd_drain_interrupt (self->parts->drain);
}

/* Nobody is to be cut off by a restart. */
static void
drain_instead (RdApplication *self)
{
  rd_systemd_stopping (self->parts->systemd);
  rd_drain_begin (self->parts->drain, -1); /* twice is not at once, as it is for SIGTERM */
}

/* Whoever goes on with the clients is who is meant by now. Returns: whether there is anybody. */
static gboolean
pass_on (RdApplication *self, int number)
{
  const pid_t heir = rd_handover_get_heir (self->handover);

  if (heir > 0)
    kill (heir, number);
  return heir > 0;
}

/* The same, of a signal that a service manager stops a unit with: it may know of no heir. */
static gboolean
pass_stop_on (RdApplication *self, int number)
{
  if (!pass_on (self, number))
    return FALSE;

  self->is_to_stay = rd_systemd_need_time (self->parts->systemd);
  return TRUE;
}

static gboolean
on_sigterm (gpointer user_data)
{
  RdApplication *self = user_data;

  if (!pass_stop_on (self, SIGTERM))
    stop (self);
  return G_SOURCE_CONTINUE;
}

/* From a terminal it reaches the heir by itself. */
static gboolean
on_sigint (gpointer user_data)
{
  RdApplication *self = user_data;

  if (rd_handover_get_heir (self->handover) == 0)
    stop (self);
  return G_SOURCE_CONTINUE;
}

static void
leave (gpointer user_data)
{
  RdApplication *self = user_data;

  rd_relay_refuse_held (self->parts->relay);
  /* some 20 ms to let go of 10 000 clients: not before those who serve them */
  setpriority (PRIO_PROCESS, 0, PRIO_MAX - 1);
  g_application_quit (G_APPLICATION (self));
}

/* Who has called us by the name has done so by now. */
static void
release_calls (RdApplication *self)
{
  GApplication *application = G_APPLICATION (self);

  rd_relay_release (self->parts->relay, g_application_get_dbus_connection (application),
                    g_application_get_application_id (application), leave, self);
}

static void restart (RdApplication *self);

/* @caller: nullable. */
static void
on_handover_failed (RdApplication *self, GDBusMethodInvocation *caller, const GError *error)
{
  g_warning (_ ("Hand-over: %s"), error->message);
  rd_metrics_count_failed_handover (self->parts->metrics);
  if (caller != NULL)
    g_dbus_method_invocation_return_gerror (g_object_ref (caller), error);

  if (rd_handover_get_heir (self->handover) > 0) /* too late to go on here */
    {
      self->error = g_error_copy (error);
      leave (self);
    }
  else if (self->is_to_restart)
    restart (self);
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
    rd_dbus_server1_complete_upgrade (RD_DBUS_SERVER1 (self->parts->service),
                                      g_object_ref (caller));
  if (self->is_to_restart)
    pass_stop_on (self, SIGUSR1);
  g_message (_ ("Process %d goes on with the clients; this one ends"),
             (int) rd_handover_get_heir (self->handover));
  self->is_over = TRUE;
  g_timeout_add_once (LAST_CALLS_MS, leave, self);
  if (self->has_lost_name)
    release_calls (self);
}

static void
on_stored (const GError *error, gpointer user_data)
{
  RdApplication *self = user_data;

  if (error == NULL)
    {
      g_message (_ ("The next process goes on with the clients; this one ends"));
      /* the next one is started only then, and to let go of 10 000 clients takes 20 ms */
      _exit (EXIT_SUCCESS);
    }

  g_warning (_ ("Nobody is to be cut off, so this restart is a drain: %s"), error->message);
  self->is_to_restart = FALSE;
  drain_instead (self);
}

/* A service manager restarts us, and says so by SIGUSR1: it waits for our end. */
static void
restart (RdApplication *self)
{
  g_autoptr (GError) error = NULL;

  self->is_to_restart = FALSE;
  if (self->starter.is_deaf)
    drain_instead (self);
  else if (!rd_systemd_is_heard (self->parts->systemd))
    g_warning (
      _ ("SIGUSR1 is for a service manager that starts the service again at once, and there "
         "is none: going on. SIGHUP has another process take over, SIGTERM drains"));
  else if (!rd_drain_is_running (self->parts->drain))
    {
      g_message (_ ("Draining already: the restart follows when the clients have left"));
      drain_instead (self);
    }
  else if (self->restart_check != NULL && !rd_restart_check_may_store (self->restart_check))
    drain_instead (self); /* it was said at the start that a restart is a drain, and why */
  else if (!rd_handover_store (self->handover, on_stored, self, &error))
    on_stored (error, self);
}

static gboolean
on_sigusr1 (gpointer user_data)
{
  RdApplication *self = user_data;

  if (pass_stop_on (self, SIGUSR1))
    return G_SOURCE_CONTINUE;

  rd_systemd_need_time (self->parts->systemd);
  if (rd_handover_is_under_way (self->handover))
    {
      self->is_to_restart = TRUE;
      rd_handover_give_up (self->handover); /* who restarts us will not wait for it */
    }
  else
    restart (self);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_sighup (gpointer user_data)
{
  RdApplication *self = user_data;
  g_autoptr (GError) error = NULL;

  if (pass_on (self, SIGHUP))
    return G_SOURCE_CONTINUE;

  if (rd_starter_has_hung_up (&self->starter))
    stop (self);
  else if (!rd_handover_upgrade (self->handover, on_handover, self, &error))
    g_warning (_ ("Hand-over: %s"), error->message);
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
on_farewell (gpointer user_data)
{
  RdApplication *self = user_data;

  if (self->caller != NULL)
    g_dbus_method_invocation_return_error_literal (
      g_steal_pointer (&self->caller), RD_ERROR, RD_ERROR_BUSY,
      _ ("nothing was handed over: the service has drained meanwhile, and ends"));
  g_application_quit (G_APPLICATION (self));
}

static void
on_bus_closed (GDBusConnection *connection)
{
  g_warning (_ ("The message bus is gone: running on without D-Bus until the next start"));
}

static void
check_restart (RdApplication *self)
{
  GDBusConnection *bus = g_application_get_dbus_connection (G_APPLICATION (self));

  if (bus != NULL && rd_systemd_is_heard (self->parts->systemd))
    self->restart_check = rd_restart_check_begin (bus, self->config->bus == RD_CONFIG_BUS_SESSION);
}

static void
rd_application_startup (GApplication *application)
{
  RdApplication *self = RD_APPLICATION (application);

  G_APPLICATION_CLASS (rd_application_parent_class)->startup (application);

  check_restart (self);
  if (self->config->bus != RD_CONFIG_BUS_NONE
      && g_application_get_dbus_connection (application) == NULL)
    g_message (_ ("No message bus can be reached: running on without D-Bus"));

  g_application_hold (application);
  if (self->succession != NULL)
    {
      rd_succession_begin (self->succession);
      return;
    }
  if (!rd_parts_listen (self->parts, self->inherited, NULL, &self->error))
    {
      /* not at once: g_application_run() has to come to take leave of the bus */
      g_idle_add_once ((GSourceOnceFunc) g_application_quit, application);
      return;
    }

  rd_parts_start (self->parts, RD_NOTIFIER_NEVER);
  if (self->inherited->n_parcels > 0) /* of no use, as it turned out */
    rd_systemd_unstore (self->parts->systemd, RD_INHERITED_PARCEL);
  rd_systemd_ready (self->parts->systemd);
}

/* Anybody on the bus may ask for it: there is no window to raise. */
static void
rd_application_activate (GApplication *application)
{
}

static gboolean
rd_application_dbus_register (GApplication *application,
                              GDBusConnection *connection,
                              const char *object_path,
                              GError **error)
{
  RdApplication *self = RD_APPLICATION (application);

  /* a bus that goes away is no reason for us to go too */
  g_dbus_connection_set_exit_on_close (connection, FALSE);
  g_signal_connect_object (connection, "closed", G_CALLBACK (on_bus_closed), self, 0);
  return g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (self->parts->service),
                                           connection, RD_OBJECT_PATH, error);
}

static void
rd_application_dbus_unregister (GApplication *application,
                                GDBusConnection *connection,
                                const char *object_path)
{
  RdApplication *self = RD_APPLICATION (application);

  g_signal_handlers_disconnect_by_func (connection, on_bus_closed, self);
  g_dbus_interface_skeleton_unexport (G_DBUS_INTERFACE_SKELETON (self->parts->service));
}

/* Returns: TRUE: that is no reason to end. */
static gboolean
rd_application_name_lost (GApplication *application)
{
  RdApplication *self = RD_APPLICATION (application);

  self->has_lost_name = TRUE;
  if (self->is_over)
    release_calls (self);
  else if (rd_handover_get_heir (self->handover) == 0)
    g_warning (
      _ ("Another process has taken the name %s on the message bus: running on without it"),
      g_application_get_application_id (application));
  return TRUE;
}

/* What is served, and with what. */
static void
let_go (RdApplication *self)
{
  g_clear_pointer (&self->restart_check, rd_restart_check_free);
  g_clear_pointer (&self->farewell, rd_farewell_free);
  g_clear_pointer (&self->handover, rd_handover_free);
  g_clear_pointer (&self->succession, rd_succession_free);
  g_clear_pointer (&self->parts, rd_parts_free);
  g_clear_pointer (&self->inherited, rd_inherited_free);
}

static void
rd_application_finalize (GObject *object)
{
  RdApplication *self = RD_APPLICATION (object);

  let_go (self);
  g_clear_object (&self->bus);
  g_strfreev (self->environment);
  g_free (self->program);
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
  application_class->dbus_register = rd_application_dbus_register;
  application_class->dbus_unregister = rd_application_dbus_unregister;
  application_class->name_lost = rd_application_name_lost;
}

static void
rd_application_init (RdApplication *self)
{
}

/* GApplication knows but the session bus; it may take another for that. */
static gboolean
choose_bus (const RdConfig *config, GError **error)
{
  g_autofree char *address = NULL;

  if (config->bus != RD_CONFIG_BUS_SYSTEM)
    return TRUE;

  address = g_dbus_address_get_for_bus_sync (G_BUS_TYPE_SYSTEM, NULL, error);
  return address != NULL && g_setenv ("DBUS_SESSION_BUS_ADDRESS", address, TRUE);
}

/* Gets ready, and takes over. The bus is tried first: it may take its time. */
static gboolean
succeed (RdApplication *self, GError **error)
{
  GPtrArray *offers = rd_succession_get_offers (self->succession);

  if (self->config->bus != RD_CONFIG_BUS_NONE)
    self->bus = g_bus_get_sync (G_BUS_TYPE_SESSION, NULL, NULL);
  self->parts->connection = self->bus;
  rd_inherited_take_over (self->inherited, offers);
  return rd_parts_listen (self->parts, self->inherited, offers, error)
         && rd_succession_take (self->succession, error);
}

static gboolean
make_parts (RdApplication *self, char **environment, GError **error)
{
  const char *node = self->succession != NULL ? rd_succession_get_node (self->succession) : NULL;

  self->parts = rd_parts_new (self->config, node, environment, error);
  if (self->parts == NULL
      || (self->succession != NULL
          && !rd_succession_prepare (self->succession, self->parts, error)))
    return FALSE;

  self->handover = rd_handover_new (self->parts, &self->handover_options);
  self->farewell = rd_farewell_new (self->parts, on_farewell, self);
  g_signal_connect_object (self->parts->service, "upgrade", G_CALLBACK (on_upgrade), self, 0);
  g_signal_connect_object (self->parts->service, "hand-over", G_CALLBACK (on_hand_over), self, 0);
  return TRUE;
}

/* They are never removed: another signal in the last moments would kill us, and spoil the exit
 * status. */
static void
hear_signals (RdApplication *self)
{
  g_unix_signal_add (SIGTERM, on_sigterm, self);
  g_unix_signal_add (SIGINT, on_sigint, self);
  g_unix_signal_add (SIGHUP, on_sighup, self);
  g_unix_signal_add (SIGUSR2, on_sighup, self);
  g_unix_signal_add (SIGUSR1, on_sigusr1, self);
}

static gboolean
construct (RdApplication *self, char **environment, GError **error)
{
  if (!choose_bus (self->config, error))
    return FALSE;

  self->inherited = rd_inherited_new (environment, RD_INHERITED_FIRST, error);
  if (self->inherited == NULL
      || !rd_predecessor_find (self->config, self->inherited, &self->succession, error)
      || !make_parts (self, environment, error))
    return FALSE;

  hear_signals (self);
  return self->succession == NULL || succeed (self, error);
}

RdApplication *
rd_application_new (const RdConfig *config,
                    char **argv,
                    char **environment,
                    RdSuccession *succession,
                    GError **error)
{
  g_autofree char *id = rd_config_dup_application_id (config);
  g_autoptr (RdApplication) self = g_object_new (RD_TYPE_APPLICATION, "application-id", id, "flags",
                                                 FLAGS, NULL);
  GError *reason = NULL;

  self->config = config;
  self->succession = succession;
  self->environment = rd_systemd_pass_on (environment);
  rd_systemd_clear_environment ();
  self->program = rd_process_dup_program (argv[0], &reason);
  self->starter = rd_starter_ask (environment, succession != NULL);
  self->handover_options = (RdHandoverOptions){ .program = self->program,
                                                .argv = (const char *const *) argv,
                                                .environment = self->environment,
                                                .hindrance = self->starter.hindrance,
                                                .timeout_us = config->handover_timeout_us };
  if (self->program != NULL && construct (self, environment, &reason))
    {
      if (self->succession != NULL)
        g_application_set_flags (G_APPLICATION (self), FLAGS | G_APPLICATION_REPLACE);
      return g_steal_pointer (&self);
    }

  if (self->succession != NULL)
    rd_succession_refuse (self->succession, reason);
  g_propagate_error (error, reason);
  return NULL;
}

/* With nothing that is the heir's: a connection ends when nobody has it open any more. */
static void
stay (RdApplication *self)
{
  const pid_t heir = rd_handover_get_heir (self->handover);
  g_autoptr (RdSystemd) systemd = g_steal_pointer (&self->parts->systemd);

  let_go (self);
  rd_vigil_keep (systemd, heir);
}

gboolean
rd_application_run (RdApplication *self, GError **error)
{
  if (!rd_name_take (G_APPLICATION (self), self->succession != NULL, error))
    return FALSE;

  self->has_lost_name
    = g_application_get_dbus_connection (G_APPLICATION (self)) == NULL
      || (g_application_get_flags (G_APPLICATION (self)) & G_APPLICATION_NON_UNIQUE) != 0;
  g_application_run (G_APPLICATION (self), 0, NULL);
  if (self->is_to_stay)
    stay (self);
  if (self->error == NULL)
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&self->error));
  return FALSE;
}
