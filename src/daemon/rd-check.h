/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-config.h"

G_BEGIN_DECLS

/* Prints the configuration and who set what, and what of it will bite when the service runs here.
 * Starts and changes nothing, and takes no longer than a few seconds. @environment:
 * NULL-terminated. Returns: whether nothing will bite, and it could all be printed. */
gboolean rd_check (const RdConfig *config, const RdSettings *settings, char **environment);

G_END_DECLS
