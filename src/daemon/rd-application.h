/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-config.h"
#include "rd-succession.h"

/* Takes over from the old worker, if there is one, and runs the service until it has drained or a
 * new worker has taken over. @environment: initial environment of this process. @takeover: (inout)
 * (nullable): from rd_succession_find(); replaced if this function finds the old worker. Returns:
 * TRUE, or FALSE with an error if the service cannot start or a hand-over loses the clients. */
gboolean rd_application_run (const RdConfig *config,
                             char **argv,
                             char **environment,
                             RdSuccession **takeover,
                             GError **error);
