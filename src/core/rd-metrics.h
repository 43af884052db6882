/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-drain.h"
#include "rd-manager.h"

/* Reasons for refusing a connection. */
typedef enum
{
  RD_REFUSED_FULL,
  RD_REFUSED_DRAINING,
  RD_REFUSED_ORIGIN,
  RD_REFUSED_HANDSHAKE,   /* not a valid opening handshake (RFC 6455) */
  RD_REFUSED_TIMEOUT,     /* no complete handshake in time */
  RD_REFUSED_DESCRIPTORS, /* no descriptors left */
  RD_REFUSED_N,
} RdRefused;

/* Result of the last hand-over. */
typedef struct
{
  guint generation; /* of this process: 1 if it was not handed anything */
  guint moved;      /* clients that stayed connected */
  guint closed;     /* clients that were closed with a close frame */
  guint lost;       /* clients that were disconnected without one */
  gint64 pause_us;  /* time without service */
} RdHandoverReport;

/* Returns: (transfer floating): an a{sv} with "moved", "closed" and "lost" (u), "pause" (t, µs);
 * empty in generation 1. */
GVariant *rd_handover_report_to_vardict (const RdHandoverReport *report);

/* Other modules write the last three fields. */
typedef struct
{
  RdManager *manager; /* unowned: outlives us */
  RdDrain *drain;     /* unowned: outlives us */
  RdBus *bus;         /* unowned: outlives us */
  RdHandoverReport handover;
  guint64 refused[RD_REFUSED_N]; /* connections, by reason */
  guint64 failed_handovers;      /* to a new worker */
} RdMetrics;

/* Returns: (transfer full): free it with g_free(). */
RdMetrics *rd_metrics_new (RdManager *manager, RdDrain *drain, RdBus *bus);

/* Packs the totals counted here, for the new worker. Returns: (transfer floating): an a{st} by
 * name. */
GVariant *rd_metrics_pack (RdMetrics *metrics);

/* Restores packed totals. @totals: an a{st}; unknown names are ignored. */
void rd_metrics_unpack (RdMetrics *metrics, GVariant *totals);

/* Returns: (transfer full): all metrics in the Prometheus text exposition format 0.0.4. */
char *rd_metrics_render (RdMetrics *metrics);
