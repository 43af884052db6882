/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The proof of the protocol: outboxes, streams and a model of Redis through random schedules of all
 * that can go wrong between them, of one kind, then of several. "-m slow" runs more of them. */

#include "rd-redis-outbox.h"
#include "redis-fleet.h"

#define SCHEDULES      20
#define SCHEDULES_SLOW 1000

static void
run (const FleetScenario *scenario, FleetTally *tally)
{
  const guint n = g_test_slow () ? SCHEDULES_SLOW : SCHEDULES;

  *tally = (FleetTally){ 0 };
  for (guint i = 0; i < n; i++)
    fleet_run (scenario, tally);
  g_test_message ("taken %" G_GUINT64_FORMAT ", repeated %" G_GUINT64_FORMAT
                  ", data lost %" G_GUINT64_FORMAT ", missed %" G_GUINT64_FORMAT
                  ", dropped %" G_GUINT64_FORMAT ", adopted %" G_GUINT64_FORMAT
                  ", handed over %" G_GUINT64_FORMAT,
                  tally->taken, tally->repeated, tally->lost, tally->missed, tally->dropped,
                  tally->adopted, tally->handed_over);
  g_assert_cmpuint (tally->taken, >, 0);
  g_assert_cmpuint (tally->repeated, >, 0);
  g_assert_cmpuint (tally->handed_over, >, 0);
}

static void
cut_connections_neither_lose_nor_double (void)
{
  const FleetScenario scenario = { .buffer_size = G_MAXSIZE, .away = 3 };
  FleetTally tally;

  run (&scenario, &tally);
  g_assert_cmpuint (tally.adopted, >, 0);
  g_assert_cmpuint (tally.missed, ==, 0);
  g_assert_cmpuint (tally.dropped, ==, 0);
}

static void
a_server_that_forgets_its_last_seconds_loses_nothing (void)
{
  const FleetScenario scenario = { .buffer_size = G_MAXSIZE,
                                   .forget_ms = FLEET_FORGET_MS,
                                   .behind_ms_max = FLEET_BEHIND_MS,
                                   .away = 3 };
  FleetTally tally;

  run (&scenario, &tally);
  g_assert_cmpuint (tally.lost, >, 0);
  g_assert_cmpuint (tally.missed, ==, 0);
  g_assert_cmpuint (tally.dropped, ==, 0);
}

static void
who_begins_later_has_all_that_was_published_since (void)
{
  const FleetScenario scenario = { .buffer_size = G_MAXSIZE,
                                   .forget_ms = FLEET_FORGET_MS,
                                   .begin_ms_max = FLEET_SCHEDULE_MS / 2,
                                   .away = 30 };
  FleetTally tally;

  run (&scenario, &tally);
  g_assert_cmpuint (tally.dropped, ==, 0);
}

static void
what_is_cut_off_unread_is_counted (void)
{
  const FleetScenario scenario = { .history = 50, .buffer_size = G_MAXSIZE, .away = 100 };
  FleetTally tally;

  run (&scenario, &tally);
  g_assert_cmpuint (tally.missed, >, 0);
  g_assert_cmpuint (tally.dropped, ==, 0);
}

static void
all_of_it_at_once_leaves_nothing_unexplained (void)
{
  const FleetScenario scenario
    = { .history = 50, .buffer_size = G_MAXSIZE, .forget_ms = FLEET_FORGET_MS, .away = 100 };
  FleetTally tally;

  run (&scenario, &tally);
  g_assert_cmpuint (tally.lost, >, 0);
  g_assert_cmpuint (tally.missed, >, 0);
}

static void
no_more_is_missing_than_did_not_fit_the_outbox (void)
{
  const FleetScenario scenario = { .buffer_size = 20 * RD_REDIS_OUTGOING_COST, .away = 30 };
  FleetTally tally;

  run (&scenario, &tally);
  g_assert_cmpuint (tally.dropped, >, 0);
  g_assert_cmpuint (tally.missed, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/redis/model/cut-connections", cut_connections_neither_lose_nor_double);
  g_test_add_func ("/redis/model/forgetful-server",
                   a_server_that_forgets_its_last_seconds_loses_nothing);
  g_test_add_func ("/redis/model/late-workers", who_begins_later_has_all_that_was_published_since);
  g_test_add_func ("/redis/model/short-history", what_is_cut_off_unread_is_counted);
  g_test_add_func ("/redis/model/everything", all_of_it_at_once_leaves_nothing_unexplained);
  g_test_add_func ("/redis/model/small-outbox", no_more_is_missing_than_did_not_fit_the_outbox);

  return g_test_run ();
}
