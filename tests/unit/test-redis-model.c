/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The protocol between nodes: outboxes, streams and a model of Redis in random schedules of faults,
 * of one kind, then of several. "-m slow" runs more schedules. */

#include "rd-redis-outbox.h"
#include "redis-fleet.h"

#define SCHEDULES      20
#define SCHEDULES_SLOW 1000

static void
run (const FleetScenario *scenario, FleetCounts *counts)
{
  const guint n = g_test_slow () ? SCHEDULES_SLOW : SCHEDULES;

  *counts = (FleetCounts){ 0 };
  for (guint i = 0; i < n; i++)
    fleet_run (scenario, counts);
  g_test_message ("delivered %" G_GUINT64_FORMAT ", repeated %" G_GUINT64_FORMAT
                  ", data lost %" G_GUINT64_FORMAT ", missed %" G_GUINT64_FORMAT
                  ", dropped %" G_GUINT64_FORMAT ", resolved %" G_GUINT64_FORMAT
                  ", handed over %" G_GUINT64_FORMAT,
                  counts->delivered, counts->repeated, counts->lost, counts->missed,
                  counts->dropped, counts->resolved, counts->handed_over);
  g_assert_cmpuint (counts->delivered, >, 0);
  g_assert_cmpuint (counts->repeated, >, 0);
  g_assert_cmpuint (counts->handed_over, >, 0);
}

static void
closed_connections_lose_and_repeat_nothing (void)
{
  const FleetScenario scenario = { .buffer_size = G_MAXSIZE, .away = 3 };
  FleetCounts counts;

  run (&scenario, &counts);
  g_assert_cmpuint (counts.resolved, >, 0);
  g_assert_cmpuint (counts.missed, ==, 0);
  g_assert_cmpuint (counts.dropped, ==, 0);
}

static void
a_server_without_its_last_seconds_loses_nothing (void)
{
  const FleetScenario scenario = { .buffer_size = G_MAXSIZE,
                                   .forget_ms = FLEET_FORGET_MS,
                                   .behind_ms_max = FLEET_BEHIND_MS,
                                   .away = 3 };
  FleetCounts counts;

  run (&scenario, &counts);
  g_assert_cmpuint (counts.lost, >, 0);
  g_assert_cmpuint (counts.missed, ==, 0);
  g_assert_cmpuint (counts.dropped, ==, 0);
}

static void
a_node_that_starts_later_gets_all_later_messages (void)
{
  const FleetScenario scenario = { .buffer_size = G_MAXSIZE,
                                   .forget_ms = FLEET_FORGET_MS,
                                   .begin_ms_max = FLEET_SCHEDULE_MS / 2,
                                   .away = 30 };
  FleetCounts counts;

  run (&scenario, &counts);
  g_assert_cmpuint (counts.dropped, ==, 0);
}

static void
entries_trimmed_unread_are_counted (void)
{
  const FleetScenario scenario = { .history = 50, .buffer_size = G_MAXSIZE, .away = 100 };
  FleetCounts counts;

  run (&scenario, &counts);
  g_assert_cmpuint (counts.missed, >, 0);
  g_assert_cmpuint (counts.dropped, ==, 0);
}

static void
all_losses_are_explained_if_all_faults_happen (void)
{
  const FleetScenario scenario
    = { .history = 50, .buffer_size = G_MAXSIZE, .forget_ms = FLEET_FORGET_MS, .away = 100 };
  FleetCounts counts;

  run (&scenario, &counts);
  g_assert_cmpuint (counts.lost, >, 0);
  g_assert_cmpuint (counts.missed, >, 0);
}

static void
only_messages_dropped_from_the_outbox_are_lost (void)
{
  const FleetScenario scenario = { .buffer_size = 20 * RD_REDIS_OUTGOING_COST, .away = 30 };
  FleetCounts counts;

  run (&scenario, &counts);
  g_assert_cmpuint (counts.dropped, >, 0);
  g_assert_cmpuint (counts.missed, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/redis/model/closed-connections", closed_connections_lose_and_repeat_nothing);
  g_test_add_func ("/redis/model/data-loss", a_server_without_its_last_seconds_loses_nothing);
  g_test_add_func ("/redis/model/late-nodes", a_node_that_starts_later_gets_all_later_messages);
  g_test_add_func ("/redis/model/short-history", entries_trimmed_unread_are_counted);
  g_test_add_func ("/redis/model/everything", all_losses_are_explained_if_all_faults_happen);
  g_test_add_func ("/redis/model/small-outbox", only_messages_dropped_from_the_outbox_are_lost);

  return g_test_run ();
}
