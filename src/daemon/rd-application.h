/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-config.h"
#include "rd-succession.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* The service as a whole. */
#define RD_TYPE_APPLICATION (rd_application_get_type ())
G_DECLARE_FINAL_TYPE (RdApplication, rd_application, RD, APPLICATION, GApplication)

/* Takes over from another process, if there is one to be succeeded.
 * @config, @argv: (transfer none): outlive the application. @environment: as the process was
 * started with. @succession: (transfer full) (nullable): of rd_succession_find().
 * Returns: (transfer full): NULL with an error, which the other process was told. */
RdApplication *rd_application_new (const RdConfig *config,
                                   char **argv,
                                   char **environment,
                                   RdSuccession *succession,
                                   GError **error);

/* Runs until the service has drained, or another process goes on with it. Returns: FALSE with an
 * error if it could not start. */
gboolean rd_application_run (RdApplication *self, GError **error);

G_END_DECLS
