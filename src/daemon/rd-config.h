/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  RD_CONFIG_BUS_SESSION,
  RD_CONFIG_BUS_SYSTEM,
  RD_CONFIG_BUS_NONE,
} RdConfigBus;

/* Every option, as it holds: command line over environment over key file over default.
 * What each means, its unit and its limits: `ringdown --help`, from the table in rd-config.c. */
typedef struct
{
  char **addresses;
  guint port;
  char *path;
  char *admin_address;
  int admin_port; /* -1: no admin listener */
  gint64 notify_interval_us;
  char *notify_message;
  gint64 drain_timeout_us;
  gint64 drain_interval_us;
  gint64 drain_grace_us;
  char *instance; /* nullable */
  gboolean reuse_port;
  RdConfigBus bus;
  guint64 log_size;
  guint64 max_message;
  guint max_clients; /* 0: as many as descriptors allow */
  gint64 ping_interval_us;
  gint64 ping_timeout_us;
  char **allow_origins; /* globs; empty: any origin */
} RdConfig;

/* Reads command line, environment and key file. `--help` and `--version` print and exit 0.
 * @argv and @envp: NULL-terminated, unowned; argv[0] is the program's name.
 * Returns: (transfer full): the configuration, or NULL with an error of one line that names the
 * offending option, variable or file/group/key. Its domain is %G_OPTION_ERROR if and only if the
 * command line was wrong (exit status 2), else it is an error at start (exit status 1). */
RdConfig *rd_config_load (char **argv, char **envp, GError **error);
void rd_config_free (RdConfig *config);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdConfig, rd_config_free)

G_END_DECLS
