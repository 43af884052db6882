/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ctl-output.h"

/* The parsed command line. The strings are UTF-8, owned, and NULL if not given. */
typedef struct
{
  gboolean system;
  gboolean json;
  gboolean help;
  gboolean version;
  gboolean all;
  gboolean wait;
  char *address;
  char *instance;
  char *code;
  char *reason;
  char *timeout;
  char *argument;
} CtlArguments;

/* Connects to the service that @arguments select, if it is running. @needs_properties: whether to
 * fail if a property is missing or has the wrong type. Returns: (transfer full) (nullable): a proxy
 * that has loaded the properties, or NULL with an error, for example if the service is not running.
 */
RdDBusServer1 *ctl_service_new (const CtlArguments *arguments,
                                gboolean needs_properties,
                                GError **error);

/* Replaces @error, if it was set by a failed call to the service that @arguments select, with an
 * error that explains the failure to users. Keeps the message of any other error, and of an error
 * that the service itself returned. Returns: always FALSE. */
gboolean ctl_service_explain (const CtlArguments *arguments, GError **error);

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

/* Subscribes to the D-Bus signals of @service, and enables its client signals. @service must have
 * all properties (see ctl_service_new()). @service and @events must outlive the watch. Returns:
 * (transfer full) (nullable): the watch, or NULL with an error. */
CtlWatch *ctl_watch_new (RdDBusServer1 *service,
                         const CtlWatchEvents *events,
                         gpointer user_data,
                         GError **error);
void ctl_watch_free (CtlWatch *self);

/* Runs a main loop and calls the callbacks until the watch ends. Call it once. During this call,
 * SIGINT and SIGTERM end the watch, even while a write blocks (EINTR); before and after it, they
 * end the process. */
CtlWatchEnd ctl_watch_run (CtlWatch *self, GError **error);

/* Makes ctl_watch_run() return %CTL_WATCH_STOPPED. */
void ctl_watch_stop (CtlWatch *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtlWatch, ctl_watch_free)
