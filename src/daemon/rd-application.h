/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-config.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* The service as a whole. */
#define RD_TYPE_APPLICATION (rd_application_get_type ())
G_DECLARE_FINAL_TYPE (RdApplication, rd_application, RD, APPLICATION, GApplication)

/* @config: (transfer none): outlives the application. Returns: (transfer full): NULL with an error.
 */
RdApplication *rd_application_new (const RdConfig *config, GError **error);

/* Runs until the service has drained. Returns: FALSE with an error if it could not start. */
gboolean rd_application_run (RdApplication *self, GError **error);

G_END_DECLS
