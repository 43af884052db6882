/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-config.h"

/* Prints all option values and their sources, then the problems that the service would have if its
 * unit started it on this machine. Reads the configuration once more for this, with the variables
 * and as the user of the unit; if this process runs as root, it becomes that user. Does not start
 * or change anything else; takes at most a few seconds. @found: the configuration with the
 * environment of this process, by which the unit is found. @argv, @environment: NULL-terminated.
 * Returns: TRUE if there are no problems and all output was written; otherwise FALSE, with an error
 * if the configuration is invalid. */
gboolean rd_check (const RdConfig *found, char **argv, char **environment, GError **error);
