/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-drain.h"
#include "rd-handover-report.h"
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

/* From here on it tells of that hand-over; at first of none, in generation 1. */
void rd_metrics_set_handover (RdMetrics *metrics, const RdHandoverReport *report);

/* One to another process, which came to nothing. */
void rd_metrics_count_failed_handover (RdMetrics *metrics);

/* What is counted here and nowhere else, for the process that goes on. Returns: (transfer
 * floating): an a{st} by name. */
GVariant *rd_metrics_pack (RdMetrics *metrics);

/* Counts on from there. @totals: an a{st}; a name that is not known has no effect. */
void rd_metrics_unpack (RdMetrics *metrics, GVariant *totals);

/* Returns: (transfer full): all metrics in the Prometheus text exposition format 0.0.4. */
char *rd_metrics_render (RdMetrics *metrics);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdMetrics, rd_metrics_free)

G_END_DECLS
