/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

#include "rd-check-report.h"
#include "rd-config.h"

/* Returns: (transfer full): name of the service's unit. */
char *rd_check_units_dup_name (const RdConfig *config);

/* Returns: (transfer full) (nullable): a connection to the bus of the service; NULL: there is none,
 * or no answer within 2 s. @environment: environment of this process, NULL-terminated. */
GDBusConnection *rd_check_units_connect (const RdConfig *config, char **environment);

/* Returns: (transfer full) (nullable): properties of the service's unit (interface Service, type
 * a{sv}); NULL: there is no unit, or it is unknown. Waits up to 2 s for each of three replies.
 * @bus: (nullable): connection from rd_check_units_connect(). */
GVariant *rd_check_units_load (GDBusConnection *bus, const RdConfig *config);

/* Facts found by rd_check_units() that other checks need. */
typedef struct
{
  gboolean has_socket;        /* an active socket unit listens for clients */
  gboolean has_admin_socket;  /* an active socket unit listens on the admin port */
  gboolean is_in_container;   /* this process is in a container of the service */
  gboolean may_bind_any_port; /* the unit gives the service CAP_NET_BIND_SERVICE */
  guint64 max_descriptors;    /* LimitNOFILE= of the service unit; G_MAXUINT64: unknown */
  int service_pid;            /* process id of the running instance; 0: none is running */
  char **service_urls; /* owned, nullable: D-Bus property Addresses of the running instance */
} RdCheckFacts;

/* Checks whether the settings of the systemd unit allow enough time for a drain, whether they allow
 * a restart that keeps clients connected, and whether a user's service ends at logout. Waits up to
 * 2 s for the connection to the system bus and for each reply. @bus: (nullable): connection from
 * rd_check_units_connect(). @environment: environment of this process,
 * NULL-terminated. @facts: (inout): receives the facts; unknown fields stay unchanged. */
void rd_check_units (RdCheckReport *report,
                     const RdConfig *config,
                     GDBusConnection *bus,
                     char **environment,
                     RdCheckFacts *facts);
