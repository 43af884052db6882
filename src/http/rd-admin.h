/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-drain.h"
#include "rd-http-port.h"
#include "rd-manager.h"
#include "rd-server.h"

/* The admin port, which serves the status page (at "/"), /healthz, /readyz, /metrics, /status and
 * /clients, and accepts clients at /ws. Keeps serving during a drain. */
typedef struct _RdAdmin RdAdmin;

typedef struct
{
  RdBindingOptions binding;
  RdServer *server;                 /* answers handshakes at /ws; must outlive the object */
  const char *instance;             /* instance name, or ""; must outlive the object */
  const char *const *allow_origins; /* glob patterns of the origins whose pages may read responses
                                     * from this port besides its own pages, and whose hosts are
                                     * trusted host names; must outlive the object */
} RdAdminOptions;

/* Listens like rd_http_port_new(). All arguments except @options must outlive the object.
 * Returns: (transfer full) (nullable): the admin port, or NULL with an error. */
RdAdmin *rd_admin_new (RdManager *manager,
                       RdDrain *drain,
                       RdBus *bus,
                       RdMetrics *metrics,
                       const RdAdminOptions *options,
                       GError **error);
void rd_admin_free (RdAdmin *admin);

/* Returns: (transfer none): the RdHttpPort of the admin port. */
RdHttpPort *rd_admin_get_port (RdAdmin *admin);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdAdmin, rd_admin_free)
