/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-check-report.h"
#include "rd-config.h"

/* Facts found by rd_check_units() that other checks need. */
typedef struct
{
  gboolean has_socket;       /* ringdown.socket is active, and listens for clients */
  gboolean has_admin_socket; /* ringdown-admin.socket is active, and listens on the admin port */
  guint64 max_descriptors;   /* LimitNOFILE= of the service unit; G_MAXUINT64: unknown */
  int service_pid;           /* process id of the running instance; 0: none is running */
  char **service_urls;       /* owned, nullable: D-Bus property Addresses of the running instance */
} RdCheckFacts;

/* Checks whether the settings of the systemd unit allow enough time for a drain, whether they allow
 * a restart that keeps clients connected, and whether a user's service ends at logout. Waits up to
 * 2 s for each bus connection and each reply. @environment: environment of this process,
 * NULL-terminated. @facts: (inout): receives the facts; unknown fields stay unchanged. */
void rd_check_units (RdCheckReport *report,
                     const RdConfig *config,
                     char **environment,
                     RdCheckFacts *facts);
