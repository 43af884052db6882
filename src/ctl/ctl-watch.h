/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ctl-service.h"

G_BEGIN_DECLS

/* Runs the main loop of a command that follows the service, until there is nothing to follow. When
 * another process goes on with the clients, the proxy has its properties and signals from then on;
 * in between, for up to 3 s if the service manager has the clients, it has no properties.
 * "g-properties-changed" tells when it has them. */
typedef struct _CtlWatch CtlWatch;

typedef enum
{
  CTL_WATCH_STOPPED,     /* ctl_watch_stop() was called */
  CTL_WATCH_VANISHED,    /* the service has left the bus, and does not come again */
  CTL_WATCH_INTERRUPTED, /* SIGINT or SIGTERM came: only after ctl_watch_signals() */
  CTL_WATCH_UNREAD,      /* nobody reads standard output any more: only after ctl_watch_output() */
  CTL_WATCH_FAILED,      /* the bus is gone, or the service does not answer: there is an error */
} CtlWatchEnd;

/* From here on signals of the service are kept for ctl_watch_run(). @service: outlives it. */
CtlWatch *ctl_watch_new (CtlService *service);
void ctl_watch_free (CtlWatch *self);

/* Makes it an end that nobody reads standard output any more. */
void ctl_watch_output (CtlWatch *self);

/* Makes SIGINT and SIGTERM an end, also of a write that waits for its reader: it fails with EINTR.
 * Before, they end the program at once: no call that waits for an answer would hear of them. Called
 * at most once. */
void ctl_watch_signals (CtlWatch *self);

/* After ctl_service_load(). */
CtlWatchEnd ctl_watch_run (CtlWatch *self, GError **error);
void ctl_watch_stop (CtlWatch *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtlWatch, ctl_watch_free)

G_END_DECLS
