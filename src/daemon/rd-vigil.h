/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-systemd.h"

G_BEGIN_DECLS

/* Blocks until the new worker, process @heir, has exited; extends the stop timeout meanwhile. Call
 * it if systemd is stopping the unit: systemd then ignores MAINPID= (service_notify_message()),
 * waits for this process only, and kills all processes of the unit when this process exits. */
void rd_vigil_keep (RdSystemd *systemd, pid_t heir);

G_END_DECLS
