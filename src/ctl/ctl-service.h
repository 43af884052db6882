/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ctl-arguments.h"
#include "rd-dbus.h"

G_BEGIN_DECLS

/* The service on the bus. Nothing of it ever starts one that does not run. */
typedef struct _CtlService CtlService;

/* How long the bus or the service may take for an answer. */
#define CTL_SERVICE_TIMEOUT_S 10

/* Connects to the service that @arguments mean. Returns: NULL with an error if it does not run, or
 * the bus cannot be reached. */
CtlService *ctl_service_new (const CtlArguments *arguments, GError **error);
void ctl_service_free (CtlService *self);

const char *ctl_service_get_name (const CtlService *self);
GDBusConnection *ctl_service_get_connection (const CtlService *self);

/* Returns: (transfer none): its methods and signals; its properties after ctl_service_load(). What
 * a call to it returns as error is for ctl_service_explain(). */
RdDBusServer1 *ctl_service_get_proxy (const CtlService *self);

/* Fetches the properties; afterwards they follow those of the service. */
gboolean ctl_service_load (CtlService *self, GError **error);

/* The same without waiting for it, when the name has passed to another process; its predecessor's
 * properties are gone. "g-properties-changed" of the proxy tells of later changes only. Cancelled,
 * the @callback may come after the end of @self, with G_IO_ERROR_CANCELLED. */
void ctl_service_load_async (CtlService *self,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data);
gboolean ctl_service_load_finish (GAsyncResult *result, GError **error);

/* Says in the words of this program what is behind the @error of a call, if the service itself did
 * not say it. Returns: FALSE. */
gboolean ctl_service_explain (const CtlService *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtlService, ctl_service_free)

G_END_DECLS
