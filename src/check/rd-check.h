/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-config.h"

/* Prints the configuration with the sources of all values, then the problems that a start of the
 * service here would have. Starts and changes nothing, and takes a few seconds at most.
 * @environment: NULL-terminated. Returns: TRUE if there are no problems and all was written. */
gboolean rd_check (const RdConfig *config, const RdSettings *settings, char **environment);
