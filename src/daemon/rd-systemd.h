/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

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

/* All ports listen. Nothing is told before. */
void rd_systemd_ready (RdSystemd *self);

/* A termination signal came: in all likelihood the service manager's, and if not it is told so; it
 * takes the service for one that ends, and will not be talked out of that. */
void rd_systemd_stopping (RdSystemd *self);

/* Removes what a service manager has put into the environment of this process, so that no child
 * takes it for its own. Call it before there are threads. */
void rd_systemd_clear_environment (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdSystemd, rd_systemd_free)

G_END_DECLS
