/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "load-options.h"
#include "load-stats.h"
#include "load-swarm.h"

/* The outcome of one run of traffic. */
typedef struct
{
  LoadWindow measured;
  GPtrArray *silences; /* owned, of LoadSilence: one for each window of the measured time */
  double seconds;
  gint64 server_cpu_ns; /* in the measured time; 0: no process to ask */
  gint64 own_cpu_ns;
  gint64 rss; /* bytes, at the end of the measured time; 0: no process to ask */
  gint64 pss;
  guint64 lost;
  guint64 doubled;
  guint64 disordered;
  guint64 foreign;
} LoadTraffic;

LoadTraffic *load_traffic_new (void);
void load_traffic_free (LoadTraffic *traffic);

/* All clients of @swarm are open. Sends and receives for the time that @options say, then until
 * everything sent has come or nothing comes any more. Fails if the server cannot be asked. */
gboolean load_traffic_run (LoadSwarm *swarm,
                           const LoadOptions *options,
                           LoadTraffic *traffic,
                           GError **error);
