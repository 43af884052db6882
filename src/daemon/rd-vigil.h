/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-systemd.h"

G_BEGIN_DECLS

/* Blocks until process @heir has ended, and asks for more time meanwhile: for one that is stopped
 * by a service manager, which has then taken no note of @heir (service_notify_message() of systemd
 * hears MAINPID= only while a unit runs), and would end it with this process. */
void rd_vigil_keep (RdSystemd *systemd, pid_t heir);

G_END_DECLS
