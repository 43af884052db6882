/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-config.h"
#include "rd-succession.h"

#include <gio/gio.h>

/* The service process: a GApplication that owns the components of the service. */
#define RD_TYPE_APPLICATION (rd_application_get_type ())
G_DECLARE_FINAL_TYPE (RdApplication, rd_application, RD, APPLICATION, GApplication)

/* Creates the components and takes over from the old worker, if any. @config, @argv: (transfer
 * none): must outlive the application. @environment: initial environment of this process.
 * @takeover: (transfer full) (nullable): from rd_succession_find(). Returns: (transfer full)
 * (nullable): the application, or NULL with an error, which is also sent to the old worker. */
RdApplication *rd_application_new (const RdConfig *config,
                                   char **argv,
                                   char **environment,
                                   RdSuccession *takeover,
                                   GError **error);

/* Runs until the service has drained or a new worker has taken over. Returns: TRUE, or FALSE with
 * an error if the service cannot start or a hand-over loses the clients. */
gboolean rd_application_run (RdApplication *self, GError **error);
