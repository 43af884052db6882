/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-drain.h"
#include "rd-http-port.h"
#include "rd-manager.h"

/* The admin port: /healthz, /readyz, /metrics, and the page at /. It is read-only, and answers
 * during a drain, too. */
typedef struct _RdAdmin RdAdmin;

typedef struct
{
  RdBindingOptions binding;
  const char *const *client_urls;   /* URLs of the public port, for the page */
  const char *const *allow_origins; /* glob patterns of origins whose pages may read the port;
                                     * outlive the object */
} RdAdminOptions;

/* Listens, as rd_http_port_new(). @metrics: outlives the object.
 * Returns: (transfer full): NULL with an error. */
RdAdmin *rd_admin_new (RdManager *manager,
                       RdDrain *drain,
                       RdBus *bus,
                       RdMetrics *metrics,
                       const RdAdminOptions *options,
                       GError **error);
void rd_admin_free (RdAdmin *admin);

/* Returns: (transfer none). */
RdHttpPort *rd_admin_get_port (RdAdmin *admin);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdAdmin, rd_admin_free)
