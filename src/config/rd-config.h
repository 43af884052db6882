/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-options.h"
#include "rd-settings.h"

G_BEGIN_DECLS

/* Reads command line, environment and key file. `--help` and `--version` print and exit 0.
 * @argv and @envp: NULL-terminated, unowned; argv[0] is the program's name.
 * @to_check: (out) (transfer full): with `--check` who set what, for rd_check(), instead of a
 * start; else NULL. Returns: (transfer full): the configuration, or NULL with an error of one line
 * that names the offending option, variable or file/group/key. Its domain is %G_OPTION_ERROR if and
 * only if the command line was wrong (exit status 2), else it is an error at start (exit status 1).
 */
RdConfig *rd_config_load (char **argv, char **envp, RdSettings **to_check, GError **error);
void rd_config_free (RdConfig *config);

/* Returns: (transfer full) (nullable): the name on the bus, NULL: it shall be on none. */
char *rd_config_dup_application_id (const RdConfig *config);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdConfig, rd_config_free)

G_END_DECLS
