/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-drain.h"
#include "rd-manager.h"

G_BEGIN_DECLS

/* Why a connection did not become a client. */
typedef enum
{
  RD_REFUSED_FULL,
  RD_REFUSED_DRAINING,
  RD_REFUSED_ORIGIN,
  RD_REFUSED_HANDSHAKE,   /* not an opening handshake of RFC 6455 */
  RD_REFUSED_TIMEOUT,     /* no handshake in time */
  RD_REFUSED_DESCRIPTORS, /* the process has none left */
  RD_REFUSED_N,
} RdRefused;

typedef struct _RdMetrics RdMetrics;

/* Renders what @manager and @drain count. */
RdMetrics *rd_metrics_new (RdManager *manager, RdDrain *drain, RdBus *bus);
void rd_metrics_free (RdMetrics *metrics);

void rd_metrics_count_refused (RdMetrics *metrics, RdRefused why);

/* Returns: (transfer full): all metrics in the Prometheus text exposition format 0.0.4. */
char *rd_metrics_render (RdMetrics *metrics);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdMetrics, rd_metrics_free)

G_END_DECLS
