/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "load-options.h"
#include "load-stats.h"
#include "load-swarm.h"

/* The result of a run. */
typedef struct
{
  LoadWindow measured;
  GPtrArray *silences; /* owned, of LoadSilence: for each window of the measured time */
  double seconds;
  gint64 server_cpu_ns; /* in the measured time; 0: unknown */
  gint64 own_cpu_ns;
  gint64 rss; /* bytes, at the end of the measured time; 0: unknown */
  gint64 pss;
  guint64 lost;
  guint64 doubled;
  guint64 disordered;
  guint64 foreign;
} LoadTraffic;

LoadTraffic *load_traffic_new (void);
void load_traffic_free (LoadTraffic *traffic);

/* Sends and receives for the configured time, then waits until all messages are received, or none
 * is received any more. All clients of @swarm must be open. Fails if the CPU or memory of the
 * server cannot be read. */
gboolean load_traffic_run (LoadSwarm *swarm,
                           const LoadOptions *options,
                           LoadTraffic *traffic,
                           GError **error);
