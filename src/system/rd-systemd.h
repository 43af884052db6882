/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <sys/types.h>

#include "rd-bus.h"
#include "rd-drain.h"
#include "rd-manager.h"

/* Reports the state of the service to systemd (sd_notify(3)): ready, client count, draining,
 * stopping. Also sends watchdog pings (sd_watchdog_enabled(3)). Without a service manager,
 * rd_systemd_store() fails and the other functions do nothing. */
typedef struct _RdSystemd RdSystemd;

/* @environment: (array zero-terminated=1): source of NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
 * Invalid values of these are ignored with a warning. Returns: (transfer full). */
RdSystemd *rd_systemd_new (RdManager *manager, RdDrain *drain, RdBus *bus, char **environment);
void rd_systemd_free (RdSystemd *self);

/* Sends a watchdog ping now, and then at intervals of half the watchdog timeout. */
void rd_systemd_start_watchdog (RdSystemd *self);

/* Sends one watchdog ping. Call it before an operation that blocks. Returns: maximum duration of
 * the operation, in µs: half the watchdog timeout, or %G_MAXINT64 without a watchdog. */
gint64 rd_systemd_ping (RdSystemd *self);

/* Reports that the service is ready, and reports every change from then on. Call it when all ports
 * listen. */
void rd_systemd_ready (RdSystemd *self);

/* Reports that the service is stopping (STOPPING=1). Call it after a signal to stop or restart. */
void rd_systemd_stopping (RdSystemd *self);

/* Extends the start or stop timeout of the unit to 30 s from now (EXTEND_TIMEOUT_USEC=), even after
 * rd_systemd_set_main_pid(). Returns: FALSE without a service manager, otherwise TRUE. */
gboolean rd_systemd_extend_timeout (RdSystemd *self);

/* Returns: FALSE without a service manager or after rd_systemd_set_main_pid(); otherwise TRUE. */
gboolean rd_systemd_is_connected (RdSystemd *self);

/* Makes @pid the main process of the unit (MAINPID=). This process then sends no more reports and
 * pings. Blocks for up to 2 s until the service manager has processed MAINPID=, because the service
 * manager ignores messages from @pid until then. Returns: FALSE on failure, otherwise TRUE, even if
 * the service manager ignores MAINPID= because it is stopping the unit. */
gboolean rd_systemd_set_main_pid (RdSystemd *self, pid_t pid);

/* Stores a duplicate of @fd in the service manager under @name (sd_notify(3), "FDSTORE=1"). Blocks
 * for up to 5 s. Returns: TRUE, or FALSE with an error. If the unit has no FileDescriptorStoreMax=,
 * returns TRUE although the service manager closes the duplicate. */
gboolean rd_systemd_store (RdSystemd *self, int fd, const char *name, GError **error);

/* Removes the descriptors stored under @name from the service manager. Blocks for up to 2 s. */
void rd_systemd_unstore (RdSystemd *self, const char *name);

/* Returns: (transfer full): a copy of @environment for new workers, without WATCHDOG_PID and the
 * variables of socket activation (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES). */
char **rd_systemd_dup_child_environment (char **environment);

/* Removes the service manager's variables from the environment of this process, so that children do
 * not inherit them. Not thread-safe (setenv(3)). */
void rd_systemd_clear_environment (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdSystemd, rd_systemd_free)
