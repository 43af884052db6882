/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ctl-service.h"

/* Runs a command, and prints its result to @output. Returns: FALSE with an error if the command
 * failed; main() passes the error to ctl_service_explain(). */
typedef gboolean CtlRun (const CtlArguments *arguments, CtlOutput *output, GError **error);

CtlRun ctl_cancel_drain;
CtlRun ctl_clients;
CtlRun ctl_disconnect;
CtlRun ctl_drain;
CtlRun ctl_monitor;
CtlRun ctl_publish;
CtlRun ctl_shutdown;
CtlRun ctl_status;
CtlRun ctl_upgrade;
