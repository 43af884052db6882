/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-options.h"
#include "rd-settings.h"

/* Reads command line, environment and key file. `--help` and `--version` print and exit 0.
 * @argv and @envp: NULL-terminated; argv[0] is the program's name.
 * @to_check: (out) (transfer full) (nullable): with `--check` the sources of all values, for
 * rd_check(), which is to be called instead of starting the service; else NULL.
 * Returns: (transfer full): the configuration, or NULL with an error of one line that names the
 * option, the variable, or file, group and key. The domain is %G_OPTION_ERROR if the command line
 * is wrong (exit status 2), else another one (exit status 1). */
RdConfig *rd_config_load (char **argv, char **envp, RdSettings **to_check, GError **error);
void rd_config_free (RdConfig *config);

/* Returns: (transfer full) (nullable): the name on the message bus; NULL without a bus. */
char *rd_config_dup_application_id (const RdConfig *config);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdConfig, rd_config_free)
