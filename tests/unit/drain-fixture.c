/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A drain with recorded signals and log messages. */

#include "drain-fixture.h"

#include <string.h>

static void
on_state (DrainFixture *fixture)
{
  g_string_append_printf (fixture->signals, "state:%s;", rd_drain_get_state (fixture->drain));
}

static void
on_accepting (DrainFixture *fixture)
{
  g_string_append_printf (fixture->signals, "accepting:%d;",
                          rd_drain_is_accepting (fixture->drain));
}

static void
on_progress (DrainFixture *fixture, guint clients, guint seconds_left)
{
  g_string_append_printf (fixture->signals, "progress:%u,%u;", clients, seconds_left);
}

static void
on_log (const char *domain, GLogLevelFlags level, const char *message, gpointer user_data)
{
  DrainFixture *fixture = user_data;

  g_string_append_printf (fixture->messages, "%s\n", message);
}

void
drain_fixture_set_up (DrainFixture *fixture, gconstpointer options)
{
  const RdDrainOptions usual = { .timeout_us = 600 * G_USEC_PER_SEC,
                                 .interval_us = 600 * G_USEC_PER_SEC,
                                 .code = WS_CLOSE_SERVICE_RESTART };

  core_fixture_set_up (&fixture->core, NULL);
  fixture->signals = g_string_new (NULL);
  fixture->messages = g_string_new (NULL);
  fixture->log_handler = g_log_set_handler ("ringdown", G_LOG_LEVEL_MESSAGE, on_log, fixture);
  fixture->drain = rd_drain_new (fixture->core.manager, options != NULL ? options : &usual);
  g_signal_connect_swapped (fixture->drain, "state-changed", G_CALLBACK (on_state), fixture);
  g_signal_connect_swapped (fixture->drain, "accepting-changed", G_CALLBACK (on_accepting),
                            fixture);
  g_signal_connect_swapped (fixture->drain, "progress", G_CALLBACK (on_progress), fixture);
}

void
drain_fixture_tear_down (DrainFixture *fixture, gconstpointer options)
{
  g_assert_finalize_object (fixture->drain);
  core_fixture_tear_down (&fixture->core, NULL);
  g_log_remove_handler ("ringdown", fixture->log_handler);
  g_string_free (fixture->signals, TRUE);
  g_string_free (fixture->messages, TRUE);
}

void
drain_fixture_interrupt (DrainFixture *fixture)
{
  fixture->now_us += G_USEC_PER_SEC;
  rd_drain_interrupt (fixture->drain, fixture->now_us);
}

void
drain_fixture_expect (DrainFixture *fixture, const char *signals)
{
  g_assert_cmpstr (fixture->signals->str, ==, signals);
  g_string_truncate (fixture->signals, 0);
}

void
drain_fixture_expect_report (DrainFixture *fixture, const char *report)
{
  const char *line = g_strrstr (fixture->messages->str, "Drained in ");
  g_autofree char *expected = g_strconcat ("s: ", report, "\n", NULL);
  double seconds;
  char *rest;

  g_assert_nonnull (line);
  seconds = g_ascii_strtod (line + strlen ("Drained in "), &rest);
  g_assert_cmpstr (rest, ==, expected);
  g_assert_true (seconds >= 0.0 && seconds < 60.0);
}

static gboolean
on_time_over (gpointer user_data)
{
  gboolean *is_over = user_data;

  *is_over = TRUE;
  return G_SOURCE_REMOVE;
}

void
drain_fixture_run_for (DrainFixture *fixture, guint time_ms)
{
  gboolean is_over = FALSE;

  g_timeout_add (time_ms, on_time_over, &is_over);
  CROWD_WAIT_FOR (fixture->core.crowd, is_over);
}
