/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-check-findings.h"

#include <gio/gio.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* Who would run the service, as far as there is anybody. */
typedef struct
{
  GDBusConnection *manager_bus; /* of the service manager */
  GDBusConnection *system_bus;  /* of the system's; nullable: cannot be reached */
  gboolean is_user;             /* it is a user's manager */
  uid_t uid;                    /* of that user */
  const char *user;             /* the name */
  const char *instance;         /* nullable */
  gint64 drain_timeout_us;
} RdCheckUnits;

/* The socket units that listen for the service, if any. */
typedef struct
{
  gboolean clients;
  gboolean admin;
} RdCheckSockets;

/* Finds out whether the unit of the service, and what it runs in, lets it drain to the end.
 * @sockets: (inout): set what there is. */
void rd_check_units (RdCheckFindings *findings, const RdCheckUnits *units, RdCheckSockets *sockets);

G_END_DECLS
