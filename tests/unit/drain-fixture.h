/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "core-fixture.h"
#include "rd-drain.h"

G_BEGIN_DECLS

/* A drain, a manager with clients, and a record of the drain's signals, for g_test_add(). */
typedef struct
{
  CoreFixture core;
  RdDrain *drain;
  GString *signals;  /* "state:draining;accepting:0;progress:2,600;" */
  GString *messages; /* log messages of the drain, one per line */
  guint log_handler;
  gint64 now_us; /* time of the last signal */
} DrainFixture;

/* @options: NULL for a timeout and an interval of 10 minutes, without grace period. */
void drain_fixture_set_up (DrainFixture *fixture, gconstpointer options);
void drain_fixture_tear_down (DrainFixture *fixture, gconstpointer options);

/* Interrupts the drain a second after the previous interruption. */
void drain_fixture_interrupt (DrainFixture *fixture);

/* Asserts the recorded signals and clears the record. */
void drain_fixture_expect (DrainFixture *fixture, const char *signals);

/* Asserts the text after the duration in the last "Drained in" message, such as "1
 * disconnected, 0 closed, 0 cut off". */
void drain_fixture_expect_report (DrainFixture *fixture, const char *report);

/* Runs the main loop for at least @time_ms. */
void drain_fixture_run_for (DrainFixture *fixture, guint time_ms);

#define DRAIN_TEST(path, options, function) \
  g_test_add (path, DrainFixture, options, drain_fixture_set_up, function, drain_fixture_tear_down)

G_END_DECLS
