/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-check-report.h"
#include "rd-config.h"

/* Facts that other checks need. */
typedef struct
{
  gboolean has_socket;       /* ringdown.socket listens for clients */
  gboolean has_admin_socket; /* ringdown-admin.socket listens for the admin port */
  guint64 max_descriptors;   /* of the unit; G_MAXUINT64: unknown */
  int service_pid;           /* of the running instance; 0: none */
  char **service_urls;       /* its D-Bus property Addresses; owned, nullable: unknown */
} RdCheckFacts;

/* Checks whether the systemd unit of the service leaves it enough time to drain, and keeps clients
 * connected through a restart; and for a user's service, whether it ends at logout. Waits up to 2 s
 * for each bus and each reply. @environment: of this process, NULL-terminated. @facts: (inout):
 * fields are set as far as they are known. */
void rd_check_units (RdCheckReport *report,
                     const RdConfig *config,
                     char **environment,
                     RdCheckFacts *facts);
