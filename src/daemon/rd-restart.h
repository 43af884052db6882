/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <signal.h>

#include "rd-handover.h"

/* How this process was started; affects upgrades and the handling of signals. */
typedef struct
{
  const char *no_upgrade_reason; /* static string; NULL if upgrades are possible */
  gboolean is_unnotified_unit;   /* systemd started this process without NOTIFY_SOCKET */
  gboolean ends_with_terminal;   /* SIGHUP may mean that the terminal was closed */
  sigset_t ignored;              /* signals to be ignored, see rd_successor_get_ignored() */
} RdLaunchEnv;

/* Detects how this process was started; warns if the unit makes upgrades impossible. Call this
 * before signal handlers are installed. @environment: initial environment of this process.
 * @is_takeover: whether an old worker started this process. */
RdLaunchEnv rd_launch_env_read (char **environment, gboolean is_takeover);

/* Returns: whether this process must exit because its terminal was closed. */
gboolean rd_launch_env_lost_terminal (const RdLaunchEnv *self);

/* Handles a restart of the unit by systemd. */
typedef struct _RdRestart RdRestart;

/* Starts a thread that checks the unit of this process and warns about settings that make a restart
 * disconnect clients. @components, @handover, @launch_env: (transfer none): must outlive the
 * returned object. @options: (transfer none): as for rd_handover_new(); must outlive it, too. @bus:
 * (nullable): D-Bus connection to systemd. Returns: (transfer full). */
RdRestart *rd_restart_new (RdComponents *components,
                           RdHandover *handover,
                           const RdLaunchEnv *launch_env,
                           const RdHandoverOptions *options,
                           GDBusConnection *bus);
void rd_restart_free (RdRestart *self);

/* Stores the clients in systemd's descriptor store, then exits; if storing fails, drains. If the
 * program of the unit refuses its configuration, first waits until it accepts it; drains after the
 * drain timeout. Without systemd, only logs a warning. Call this on SIGUSR1 if no hand-over is in
 * progress. */
void rd_restart_begin (RdRestart *self);
