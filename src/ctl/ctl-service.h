/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ctl-command.h"
#include "rd-dbus.h"

/* Time limit for each reply of the bus or the service. */
#define CTL_SERVICE_TIMEOUT_S 10

/* Connects to the service that @arguments select, without starting it. @needs_properties: fails if
 * ctl_service_check() does. Returns: (transfer full): a proxy with up-to-date properties; NULL with
 * an error if the service is not running, or the bus cannot be reached. Pass the errors of calls to
 * ctl_service_explain(). */
RdDBusServer1 *ctl_service_new (const CtlArguments *arguments,
                                gboolean needs_properties,
                                GError **error);

/* Checks that the service has all properties, each of the right type. */
gboolean ctl_service_check (RdDBusServer1 *service, GError **error);

/* Replaces the @error of a call with a message for users, unless it is from the service itself.
 * Returns: FALSE. */
gboolean ctl_service_explain (RdDBusServer1 *service, GError **error);
