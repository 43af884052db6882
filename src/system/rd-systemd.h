/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <sys/types.h>

#include "rd-bus.h"
#include "rd-drain.h"
#include "rd-manager.h"

G_BEGIN_DECLS

/* Tells a service manager how the service is (sd_notify(3)): that it is ready, alive
 * (sd_watchdog_enabled(3)), how many clients it has, that it drains and needs time for it, that it
 * ends. Silent where none listens. */
typedef struct _RdSystemd RdSystemd;

/* @environment: a NULL-terminated array; of it count NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID.
 * Warns of what cannot be right there, and does without it. */
RdSystemd *rd_systemd_new (RdManager *manager, RdDrain *drain, RdBus *bus, char **environment);
void rd_systemd_free (RdSystemd *self);

/* Has a watchdog see from now on that this process lives; one for which it has taken the place of
 * another it hears at once. */
void rd_systemd_live (RdSystemd *self);

/* Shows it once, before something that blocks. Returns: for how long it may, in µs; %G_MAXINT64:
 * nobody watches. */
gint64 rd_systemd_ping (RdSystemd *self);

/* All ports listen. Nothing is told before. */
void rd_systemd_ready (RdSystemd *self);

/* A termination signal came: in all likelihood the service manager's, and if not it is told so; it
 * takes the service for one that ends, and will not be talked out of that. */
void rd_systemd_stopping (RdSystemd *self);

/* Something takes its time: asks for 30 s more, EXTEND_TIMEOUT_USEC=. Returns: whether there is
 * anybody to be asked; also when this process has moved on. */
gboolean rd_systemd_need_time (RdSystemd *self);

/* Whether there is a service manager to be told anything of this process. */
gboolean rd_systemd_is_heard (RdSystemd *self);

/* Tells that @successor is the service from now on, and blocks until the service manager has taken
 * note, up to 2 s: a successor that speaks before is not heard. From then on this process only says
 * what it is told to, and what is needed for more than that is let go. A service manager that stops
 * the unit takes no note, which does not show here. Returns: FALSE if it has not in time. */
gboolean rd_systemd_move (RdSystemd *self, pid_t successor);

/* Gives a copy of @fd to the service manager's store, under @name (sd_notify(3), "FDSTORE=1"), and
 * blocks until it was dealt with, up to 5 s. Returns: FALSE with an error, and then it will not be
 * there. But TRUE does not say that it is: a unit without FileDescriptorStoreMax= has no store, and
 * what is given there is closed. */
gboolean rd_systemd_store (RdSystemd *self, int fd, const char *name, GError **error);

/* Has the service manager forget what is in the store under @name, and blocks until it has room for
 * the request, up to 2 s. */
void rd_systemd_unstore (RdSystemd *self, const char *name);

/* Returns: (transfer full): what of @environment, with which a service manager started this
 * process, is for a successor that takes its place: all, but the sockets, and whom the watchdog
 * watches. */
char **rd_systemd_pass_on (char **environment);

/* Removes what a service manager has put into the environment of this process, so that no child
 * takes it for its own. Call it before there are threads. */
void rd_systemd_clear_environment (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdSystemd, rd_systemd_free)

G_END_DECLS
