/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "load-options.h"
#include "load-swarm.h"
#include "load-traffic.h"

/* Connecting from one count of clients to the next. */
typedef struct
{
  guint clients; /* open at the end */
  guint added;
  double seconds;
  gint64 server_cpu_ns; /* until the server was idle */
  gint64 rss;           /* bytes */
  gint64 pss;
} LoadStep;

/* Connecting all clients and closing them. */
typedef struct
{
  GArray *steps; /* owned, of LoadStep */
  double close_seconds;
  gint64 rss; /* bytes, after all have left */
  gint64 pss;
} LoadRound;

typedef struct
{
  GPtrArray *rounds;    /* owned, of LoadRound */
  LoadTraffic *traffic; /* owned, nullable */
} LoadRun;

/* Runs as configured in @options. Fails if the clients cannot connect, or the CPU or memory of the
 * server cannot be read; later faults are in the result and in the endings of @swarm. */
LoadRun *load_run_new (const LoadOptions *options, LoadSwarm *swarm, GError **error);
void load_run_free (LoadRun *run);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LoadRun, load_run_free)
