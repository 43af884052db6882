/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

#include "rd-check-report.h"
#include "rd-config.h"

/* The environment and the user of the service, as its unit sets them. */
typedef struct
{
  char **environment;      /* owned: environment of this process, changed as in the unit */
  char *unit;              /* owned: unit name */
  char *user;              /* owned, nullable: user of the unit; NULL: not another user than ours */
  guint32 uid, gid;        /* of @user */
  GArray *groups;          /* owned: gid_t; all groups of @user */
  gboolean has_credential; /* the service manager reads the key file for the service, as root */
} RdCheckIdentity;

/* Reads the unit of the service: variables (Environment=, EnvironmentFile=), User= and groups.
 * Reports what the service would see differently. @config: configuration by which to find the unit.
 * @bus: (nullable): connection from rd_check_units_connect(). @environment: environment of this
 * process, NULL-terminated. Returns: (transfer full). */
RdCheckIdentity *rd_check_identity_new (RdCheckReport *report,
                                        const RdConfig *config,
                                        GDBusConnection *bus,
                                        char **environment);
void rd_check_identity_free (RdCheckIdentity *self);

/* Makes this process run as the user of the unit, if it runs as root, so that it can do only what
 * the service can do. This cannot be undone. */
void rd_check_identity_assume (RdCheckIdentity *self, RdCheckReport *report);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdCheckIdentity, rd_check_identity_free)
