/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a model of Redis forgets at most when it restarts, and how far its clock is behind then at
 * most: less than what is kept by the workers, and what is read again. */
#define FLEET_FORGET_MS 3000
#define FLEET_BEHIND_MS 4000

/* How long a schedule takes, roughly and on the clock of the test. */
#define FLEET_SCHEDULE_MS 30000

/* What can happen. */
typedef struct
{
  guint64 history;      /* of the stream; 0: everything */
  gsize buffer_size;    /* of an outbox */
  gint64 forget_ms;     /* 0: Redis does not restart */
  gint64 behind_ms_max; /* how much its clock may be behind afterwards */
  gint64 begin_ms_max;  /* when the last worker begins */
  guint away;           /* one attempt to connect of so many succeeds */
} FleetScenario;

/* What did happen, in all the schedules that were run. */
typedef struct
{
  guint64 taken;
  guint64 repeated;
  guint64 lost;
  guint64 missed;
  guint64 dropped;
  guint64 adopted; /* stored without our hearing of it */
  guint64 handed_over;
} FleetTally;

/* Runs some workers, each with an outbox and a stream, and a model of Redis through a random
 * schedule, and what is left to do through to its end. Fails where a worker has not had every
 * message of the others once and in its sender's order, or does not know how many it missed. */
void fleet_run (const FleetScenario *scenario, FleetTally *tally);

G_END_DECLS
