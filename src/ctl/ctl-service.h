/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ctl-command.h"
#include "rd-dbus.h"

/* Time limit for each reply from the message bus or the service. */
#define CTL_SERVICE_TIMEOUT_S 10

/* Connects to the service that @arguments select, if it is running. @needs_properties: whether to
 * fail if ctl_service_check() fails. Returns: (transfer full) (nullable): a proxy with its
 * properties loaded, or NULL with an error if the service is not running or the bus is unreachable.
 * If a call to the proxy fails, pass the error to ctl_service_explain(). */
RdDBusServer1 *ctl_service_new (const CtlArguments *arguments,
                                gboolean needs_properties,
                                GError **error);

/* Returns: TRUE, or FALSE with an error if @service lacks a property or one has the wrong type. */
gboolean ctl_service_check (RdDBusServer1 *service, GError **error);

/* Replaces @error, from a failed call to @service, with an error for users; keeps the message if
 * the service itself has returned @error. Returns: always FALSE. */
gboolean ctl_service_explain (RdDBusServer1 *service, GError **error);
