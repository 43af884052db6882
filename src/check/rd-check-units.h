/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>
#include <sys/types.h>

#include "rd-check-report.h"

G_BEGIN_DECLS

/* Time limit for connecting to a bus, and for each reply. */
#define RD_CHECK_BUS_TIMEOUT_MS 2000

/* The environment that the service would run in. */
typedef struct
{
  GDBusConnection *bus;        /* of the service and its service manager */
  GDBusConnection *system_bus; /* nullable: cannot be reached */
  gboolean is_user;            /* it is a user's service manager */
  uid_t uid;                   /* of that user */
  const char *user;            /* name of that user, printable */
  const char *instance;        /* nullable */
  const char *bus_name;        /* of the service */
  gint64 drain_timeout_us;
  char **environment; /* of this process, NULL-terminated */
} RdCheckUnits;

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
 * connected through a restart; and for a user's service, whether it ends at logout.
 * @facts: (inout): fields are set as far as they are known. */
void rd_check_units (RdCheckReport *report, const RdCheckUnits *units, RdCheckFacts *facts);

G_END_DECLS
