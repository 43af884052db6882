/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-config.h"
#include "rd-succession.h"

#include <gio/gio.h>

/* The service process. */
#define RD_TYPE_APPLICATION (rd_application_get_type ())
G_DECLARE_FINAL_TYPE (RdApplication, rd_application, RD, APPLICATION, GApplication)

/* Opens the ports; takes over from an old worker if there is one. @config, @argv: (transfer none):
 * outlive the application. @environment: as the process was started with. @takeover: (transfer
 * full) (nullable): from rd_succession_find(). Returns: (transfer full): NULL with an error, which
 * was sent to the old worker, too. */
RdApplication *rd_application_new (const RdConfig *config,
                                   char **argv,
                                   char **environment,
                                   RdSuccession *takeover,
                                   GError **error);

/* Runs until the service has drained or a new worker has taken over. Returns: FALSE with an error
 * if the service could not start, or its clients were lost in a hand-over. */
gboolean rd_application_run (RdApplication *self, GError **error);
