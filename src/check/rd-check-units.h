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
  char **environment; /* of this process */
} RdCheckUnits;

/* What the units give the service, if there are any. */
typedef struct
{
  gboolean has_socket;       /* a socket unit listens for clients, */
  gboolean has_admin_socket; /* and one for the admin port */
  guint64 max_descriptors;   /* G_MAXUINT64: not known */
} RdCheckGiven;

/* Finds out whether the unit of the service, and what it runs in, lets it drain to the end, and
 * keep its clients over a restart.
 * @given: (inout): set what there is. */
void rd_check_units (RdCheckFindings *findings, const RdCheckUnits *units, RdCheckGiven *given);

G_END_DECLS
