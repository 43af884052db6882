/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-handover.h"
#include "rd-launch-env.h"

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
