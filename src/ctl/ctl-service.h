/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ctl-command.h"
#include "rd-dbus.h"

G_BEGIN_DECLS

/* The service on the message bus. No function here starts it. */
typedef struct _CtlService CtlService;

/* Time limit for each reply of the bus or the service. */
#define CTL_SERVICE_TIMEOUT_S 10

/* Connects to the service that @arguments select. Returns: NULL with an error if it is not running,
 * or if the bus cannot be reached. */
CtlService *ctl_service_new (const CtlArguments *arguments, GError **error);
void ctl_service_free (CtlService *self);

const char *ctl_service_get_name (const CtlService *self);
GDBusConnection *ctl_service_get_connection (const CtlService *self);

/* Returns: (transfer none): a proxy with up-to-date properties. Pass the errors of its calls to
 * ctl_service_explain(). */
RdDBusServer1 *ctl_service_get_proxy (const CtlService *self);

/* Checks that the service has all properties, each of the right type. */
gboolean ctl_service_check (const CtlService *self, GError **error);

/* Replaces the @error of a call with a message for users, unless it is from the service itself.
 * Returns: FALSE. */
gboolean ctl_service_explain (const CtlService *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtlService, ctl_service_free)

G_END_DECLS
