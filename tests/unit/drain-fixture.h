/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "core-fixture.h"
#include "rd-drain.h"

G_BEGIN_DECLS

/* A drain, a manager with clients, and a record of the drain's signals. For g_test_add(). */
typedef struct
{
  CoreFixture core;
  RdDrain *drain;
  GString *signals;  /* "state:draining;accepting:0;progress:2,600;" */
  GString *messages; /* its log messages, one per line */
  guint log_handler;
} DrainFixture;

/* @options: NULL for a timeout and an interval of 10 minutes, without grace period. */
void drain_fixture_set_up (DrainFixture *fixture, gconstpointer options);
void drain_fixture_tear_down (DrainFixture *fixture, gconstpointer options);

/* Asserts the recorded signals and clears the record. */
void drain_fixture_expect (DrainFixture *fixture, const char *signals);

/* Asserts the end of the last log message: "1 left by themselves, 0 closed, 0 forced". */
void drain_fixture_expect_report (DrainFixture *fixture, const char *report);

/* Runs the main loop for @time_ms; all timers due by then have fired. */
void drain_fixture_run_for (DrainFixture *fixture, guint time_ms);

#define DRAIN_TEST(path, options, function) \
  g_test_add (path, DrainFixture, options, drain_fixture_set_up, function, drain_fixture_tear_down)

G_END_DECLS
