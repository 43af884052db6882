/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

/* Handles signals until the main loop does: SIGTERM, SIGINT and SIGUSR1 (a restart by the service
 * manager) end the process with status 0, also if it is process 1 of a container; SIGHUP and
 * SIGUSR2 (an upgrade) wait. Does not change signals that are ignored, as by nohup(1). */
void rd_start_signals_begin (void);

/* Delivers the waiting signals. To be called when all signals have other handlers. */
void rd_start_signals_end (void);

/* Restores the default actions, for a process that does not become a service. */
void rd_start_signals_cancel (void);
