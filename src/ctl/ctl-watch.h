/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ctl-service.h"

/* Follows the service in a main loop, also through upgrades and restarts that keep the clients. */
typedef struct _CtlWatch CtlWatch;

/* Callbacks. @properties: the properties have changed, or are those of a new worker; between two
 * workers there are none. @client_connected: nullable. */
typedef struct
{
  void (*properties) (gpointer user_data);
  void (*client_connected) (gpointer user_data, guint64 id, const char *remote);
  void (*client_disconnected) (gpointer user_data, guint64 id, guint code);
  void (*drain_progress) (gpointer user_data, guint clients, guint seconds_left);
} CtlWatchEvents;

typedef enum
{
  CTL_WATCH_DRAINED,     /* the service has left the bus after a drain */
  CTL_WATCH_STOPPED,     /* ctl_watch_stop() was called */
  CTL_WATCH_INTERRUPTED, /* SIGINT or SIGTERM */
  CTL_WATCH_FAILED,      /* with an error: the service or the bus has ended, or does not reply */
} CtlWatchEnd;

/* Subscribes to the signals of @service and asks for its client signals; ctl_watch_run() delivers
 * them. @service and @events outlive the watch. Returns: NULL with an error. */
CtlWatch *ctl_watch_new (RdDBusServer1 *service,
                         const CtlWatchEvents *events,
                         gpointer user_data,
                         GError **error);
void ctl_watch_free (CtlWatch *self);

/* Calls the callbacks until the watch ends. SIGINT and SIGTERM end
 * the watch, also during a blocked write (EINTR); before this call they end the program. Call it
 * once, after ctl_service_check(). */
CtlWatchEnd ctl_watch_run (CtlWatch *self, GError **error);

/* Makes ctl_watch_run() return. */
void ctl_watch_stop (CtlWatch *self);

/* Makes ctl_watch_run() return also when the reader of standard output closes it. */
void ctl_watch_output (CtlWatch *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtlWatch, ctl_watch_free)
