/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-config.h"

/* Prints all option values and their sources, then the problems that the service would have if it
 * started on this machine. Does not start or change anything; takes at most a few seconds.
 * @environment: NULL-terminated. Returns: TRUE if there are no problems and all output was
 * written. */
gboolean rd_check (const RdConfig *config, const RdSettings *settings, char **environment);
