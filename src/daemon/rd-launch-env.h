/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

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
