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
  gint64 server_cpu_ns; /* until it had nothing left to do */
  gint64 rss;           /* bytes */
  gint64 pss;
} LoadStep;

/* All clients come, and go. */
typedef struct
{
  GArray *steps; /* owned, of LoadStep */
  double close_seconds;
  gint64 rss; /* bytes, when all have gone */
  gint64 pss;
} LoadRound;

typedef struct
{
  GPtrArray *rounds;    /* owned, of LoadRound */
  LoadTraffic *traffic; /* owned, nullable */
} LoadRun;

/* Does what @options say. Fails if the clients cannot connect, or the server cannot be asked for
 * its costs; what goes wrong later is in the result and in the swarm's endings. */
LoadRun *load_run_new (const LoadOptions *options, LoadSwarm *swarm, GError **error);
void load_run_free (LoadRun *run);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LoadRun, load_run_free)
