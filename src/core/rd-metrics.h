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
  RD_REFUSED_REQUEST,     /* not a valid HTTP/1 request (RFC 9112) */
  RD_REFUSED_SIZE,        /* the head of the request was too large, or it had a body */
  RD_REFUSED_PATH,        /* the path does not exist */
  RD_REFUSED_METHOD,      /* the method is not supported */
  RD_REFUSED_TIMEOUT,     /* the request was not complete in time */
  RD_REFUSED_DESCRIPTORS, /* file descriptors were exhausted */
  RD_REFUSED_N,
} RdRefused;

/* Returns: the name of @reason in the metrics, such as "origin". */
const char *rd_refused_get_name (RdRefused reason);

/* Result of the last hand-over. */
typedef struct
{
  guint generation; /* 1 in the first process; each hand-over adds 1 */
  guint moved;      /* number of clients kept through the hand-over */
  guint closed;     /* number of clients disconnected with a close frame */
  guint lost;       /* number of clients disconnected without a close frame */
  gint64 pause_us;  /* how long the service was paused */
} RdHandoverReport;

/* Returns: (transfer floating): an a{sv} with "moved", "closed" and "lost" (u) and "pause" (t, µs);
 * empty if the generation is 1. */
GVariant *rd_handover_report_to_vardict (const RdHandoverReport *report);

/* Data from which the metrics are generated. Other modules write @handover, @refused and
 * @failed_handovers. */
typedef struct
{
  RdManager *manager; /* unowned: must outlive the metrics */
  RdDrain *drain;     /* unowned: must outlive the metrics */
  RdBus *bus;         /* unowned: must outlive the metrics */
  RdHandoverReport handover;
  guint64 refused[RD_REFUSED_N]; /* number of refused connections, by reason */
  guint64 failed_handovers;      /* number of failed hand-overs to a new worker */
  gint64 started_us;             /* CLOCK_MONOTONIC: start of the first process */
  gint64 generation_us;          /* CLOCK_MONOTONIC: start of this process */
} RdMetrics;

/* Returns: (transfer full): the metrics; free with g_free(). */
RdMetrics *rd_metrics_new (RdManager *manager, RdDrain *drain, RdBus *bus);

/* Packs the totals in @metrics for the new worker: refused connections and failed hand-overs; and
 * started_us.
 * Returns: (transfer floating): an a{st} of totals by name. */
GVariant *rd_metrics_pack (RdMetrics *metrics);

/* Restores the totals from rd_metrics_pack(). @totals: an a{st}; unknown names are ignored. */
void rd_metrics_unpack (RdMetrics *metrics, GVariant *totals);

/* Returns: (transfer full): all metrics in the Prometheus text exposition format 0.0.4. */
char *rd_metrics_render (RdMetrics *metrics);
