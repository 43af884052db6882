/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-options.h"
#include "rd-settings.h"

/* Loads the configuration from the command line, the environment and the key file. With `--help` or
 * `--version`, prints the help or the version, and exits. @argv and @envp: NULL-terminated arrays.
 * @to_check: (out) (transfer full) (nullable): if `--check` is given, the values from all sources,
 * to be passed to rd_check() instead of starting the service; otherwise NULL.
 * Returns: (transfer full) (nullable): the configuration, or NULL with an error. Its message is one
 * line, and names the option, the variable, or the file, group and key. The error domain is
 * %G_OPTION_ERROR if the command line is invalid (exit status 2), otherwise another (status 1). */
RdConfig *rd_config_load (char **argv, char **envp, RdSettings **to_check, GError **error);
void rd_config_free (RdConfig *config);

/* Returns: (transfer full) (nullable): the D-Bus name of the service, or NULL with `--bus=none`. */
char *rd_config_dup_application_id (const RdConfig *config);

/* Returns: (transfer full) (nullable): the D-Bus address of the `--bus`, which is not none; or NULL
 * with an error. @environment: see rd_message_bus_dup_address(). */
char *rd_config_dup_bus_address (const RdConfig *config, char **environment, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdConfig, rd_config_free)
