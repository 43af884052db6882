/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-drain.h"

G_BEGIN_DECLS

/* Shortens a drain while the machine shuts down. Asks systemd, over the system bus, when a drain
 * begins and with each of its progress reports. */
typedef struct _RdMachineShutdown RdMachineShutdown;

/* @timeout_us: time limit of a drain while the machine shuts down, from the moment when this is
 * noticed. @environment: see rd_message_bus_dup_address(). Returns: (transfer full). */
RdMachineShutdown *rd_machine_shutdown_new (RdDrain *drain, gint64 timeout_us, char **environment);
void rd_machine_shutdown_free (RdMachineShutdown *self);

G_END_DECLS
