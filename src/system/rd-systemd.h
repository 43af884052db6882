/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <sys/types.h>

#include "rd-bus.h"
#include "rd-drain.h"
#include "rd-manager.h"

/* Reports the state of the service to systemd (sd_notify(3)): ready, number of clients, draining,
 * stopping, and watchdog pings (sd_watchdog_enabled(3)). Without a service manager the functions do
 * nothing. */
typedef struct _RdSystemd RdSystemd;

/* @environment: a NULL-terminated array; uses NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID. Warns of
 * invalid values and ignores them. */
RdSystemd *rd_systemd_new (RdManager *manager, RdDrain *drain, RdBus *bus, char **environment);
void rd_systemd_free (RdSystemd *self);

/* Sends a watchdog ping, and more at intervals from now on. */
void rd_systemd_start_watchdog (RdSystemd *self);

/* Sends one watchdog ping, before an operation that blocks. Returns: for how long the operation may
 * block, in µs; %G_MAXINT64 without a watchdog. */
gint64 rd_systemd_ping (RdSystemd *self);

/* Reports that the service is ready, and all later changes. Call it when all ports listen. */
void rd_systemd_ready (RdSystemd *self);

/* Reports that the service is stopping, after a termination signal. */
void rd_systemd_stopping (RdSystemd *self);

/* Asks for 30 s more before a timeout of the unit (EXTEND_TIMEOUT_USEC=); also after
 * rd_systemd_set_main_pid(). Returns: FALSE without a service manager. */
gboolean rd_systemd_extend_timeout (RdSystemd *self);

/* Returns: whether there is a service manager that takes this process for the service. */
gboolean rd_systemd_is_connected (RdSystemd *self);

/* Makes @pid the main process of the unit and stops all reports of this process. Blocks for up to
 * 2 s, until the service manager has processed it: it ignores messages of @pid before that.
 * Returns: FALSE after a timeout. A service manager that is stopping the unit ignores the message,
 * which cannot be noticed here. */
gboolean rd_systemd_set_main_pid (RdSystemd *self, pid_t pid);

/* Stores a duplicate of @fd in the service manager under @name (sd_notify(3), "FDSTORE=1"). Blocks
 * for up to 5 s. Returns: FALSE with an error if it is not stored. A unit without
 * FileDescriptorStoreMax= closes the descriptor, and the result is TRUE all the same. */
gboolean rd_systemd_store (RdSystemd *self, int fd, const char *name, GError **error);

/* Removes the descriptors stored under @name. Blocks for up to 2 s. */
void rd_systemd_unstore (RdSystemd *self, const char *name);

/* Returns: (transfer full): the part of @environment, which the service manager has set, that is
 * for a new worker too: everything but WATCHDOG_PID and the inherited sockets. */
char **rd_systemd_dup_child_environment (char **environment);

/* Removes the service manager's variables from the environment of this process, so that children do
 * not inherit them. Not thread-safe (setenv(3)). */
void rd_systemd_clear_environment (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdSystemd, rd_systemd_free)
