/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-drain.h"
#include "rd-manager.h"
#include "rd-metrics.h"

G_BEGIN_DECLS

/* The admin port, for probes and scrapers: /healthz, /readyz, /metrics. It answers to the end. */
typedef struct _RdAdmin RdAdmin;

/* Listens at once; @port 0: any free one. Returns: (transfer full): NULL with an error that names
 * address and port. */
RdAdmin *rd_admin_new (RdManager *manager,
                       RdDrain *drain,
                       RdBus *bus,
                       RdMetrics *metrics,
                       const char *address,
                       guint port,
                       GError **error);
void rd_admin_free (RdAdmin *admin);

/* Returns: (transfer full): "http://127.0.0.1:8001" and so on. */
char **rd_admin_dup_urls (RdAdmin *admin);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdAdmin, rd_admin_free)

G_END_DECLS
