/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ctl-service.h"

G_BEGIN_DECLS

/* Waits for the end of a drain, and shows how far it is. */
typedef struct _CtlWait CtlWait;

/* From here on nothing that the service tells is missed: called before the drain begins, and before
 * ctl_service_load(). @service, @output: outlive it. */
CtlWait *ctl_wait_new (CtlService *service, CtlOutput *output, GError **error);
void ctl_wait_free (CtlWait *self);

/* Returns: TRUE when the service has been drained and has ended, and the report is printed; else
 * FALSE with an error. */
gboolean ctl_wait_run (CtlWait *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtlWait, ctl_wait_free)

G_END_DECLS
