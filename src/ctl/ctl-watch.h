/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ctl-service.h"

/* Watches the service in a main loop, across upgrades and restarts that keep clients connected. */
typedef struct _CtlWatch CtlWatch;

/* Callbacks. @properties is called when the watch begins, when a property changes, and when a new
 * worker acquires the bus name. While no worker owns the bus name, the properties of the service
 * are NULL or 0. @client_connected: (nullable). */
typedef struct
{
  void (*properties) (gpointer user_data);
  void (*client_connected) (gpointer user_data, guint64 id, const char *remote);
  void (*client_disconnected) (gpointer user_data, guint64 id, guint code);
  void (*drain_progress) (gpointer user_data, guint clients, guint seconds_left);
} CtlWatchEvents;

typedef enum
{
  CTL_WATCH_DRAINED,     /* the service has released its bus name after a drain */
  CTL_WATCH_STOPPED,     /* ctl_watch_stop() was called */
  CTL_WATCH_INTERRUPTED, /* SIGINT or SIGTERM was received */
  CTL_WATCH_FAILED,      /* an error is set: bus lost, service ended, or no reply */
} CtlWatchEnd;

/* Subscribes to the D-Bus signals of @service, and enables its client signals. @service and @events
 * must outlive the watch. Returns: (transfer full) (nullable): the watch, or NULL with an error. */
CtlWatch *ctl_watch_new (RdDBusServer1 *service,
                         const CtlWatchEvents *events,
                         gpointer user_data,
                         GError **error);
void ctl_watch_free (CtlWatch *self);

/* Runs a main loop and calls the callbacks until the watch ends. Call it once, and call
 * ctl_service_check() first. During this call, SIGINT and SIGTERM end the watch, even while a write
 * blocks (EINTR); before this call, they end the process. */
CtlWatchEnd ctl_watch_run (CtlWatch *self, GError **error);

/* Makes ctl_watch_run() return %CTL_WATCH_STOPPED. */
void ctl_watch_stop (CtlWatch *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtlWatch, ctl_watch_free)
