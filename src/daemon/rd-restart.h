/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-handover.h"

/* How this process was started, as far as upgrades and signals depend on it. */
typedef struct
{
  const char *no_upgrade_reason; /* nullable: why no new worker can replace this process */
  gboolean is_unnotified_unit;   /* main process of a systemd unit without NOTIFY_SOCKET */
  gboolean ends_with_terminal;   /* SIGHUP may mean that the terminal was closed */
} RdLaunchEnv;

/* Reads the launch environment; warns if upgrades are impossible under systemd. @environment: as in
 * systemd.exec(5). @is_takeover: whether an old worker started this process. */
RdLaunchEnv rd_launch_env_read (char **environment, gboolean is_takeover);

/* Returns: whether this process is to end with its terminal, and the terminal was closed. */
gboolean rd_launch_env_lost_terminal (const RdLaunchEnv *self);

/* Handles a restart of the unit by systemd. */
typedef struct _RdRestart RdRestart;

/* Checks the unit of this process in the background and warns of settings that make a restart
 * disconnect clients. @components, @handover, @launch_env: (transfer none): outlive the result.
 * @bus: (nullable): of the service manager. @is_user: it is a user's. Returns: (transfer full). */
RdRestart *rd_restart_new (RdComponents *components,
                           RdHandover *handover,
                           const RdLaunchEnv *launch_env,
                           GDBusConnection *bus,
                           gboolean is_user);
void rd_restart_free (RdRestart *self);

/* Stores the clients in systemd for the next start and exits, or drains if that is not possible.
 * Ignored without systemd. Call it on SIGUSR1, when no hand-over is in progress. */
void rd_restart_begin (RdRestart *self);
