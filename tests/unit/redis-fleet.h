/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* Limits of the data that the model of Redis loses in a restart, and of how far its clock is behind
 * afterwards: less than %RD_REDIS_KEEP_US and %RD_REDIS_REREAD_MS. */
#define FLEET_FORGET_MS 3000
#define FLEET_BEHIND_MS 4000

/* Approximate duration of a schedule by the simulated clock. */
#define FLEET_SCHEDULE_MS 30000

typedef struct
{
  guint64 history;      /* of the stream, entries; 0: all */
  gsize buffer_size;    /* of an outbox, bytes */
  gint64 forget_ms;     /* 0: Redis does not restart */
  gint64 behind_ms_max; /* limit of its clock's delay afterwards */
  gint64 begin_ms_max;  /* when the last node starts */
  guint away;           /* one in this many attempts to connect succeeds */
} FleetScenario;

/* Totals of all schedules. */
typedef struct
{
  guint64 delivered;
  guint64 repeated;
  guint64 lost;
  guint64 missed;
  guint64 dropped;
  guint64 resolved; /* unknown outcomes that were found to be stored */
  guint64 handed_over;
} FleetCounts;

/* Runs nodes, each with an outbox and a stream, and a model of Redis through a random schedule of
 * faults, then without faults until all messages are delivered. Asserts that each node got every
 * message of the others once, in its sender's order, and counted those that it missed. */
void fleet_run (const FleetScenario *scenario, FleetCounts *counts);
