/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "crowd.h"
#include "rd-manager.h"

G_BEGIN_DECLS

/* A manager in the default main context, the peers of its clients, and a record of its signals, for
 * g_test_add(). */
typedef struct
{
  RdManager *manager;
  Crowd *crowd;
  GString *diary; /* "+1;" connected, "-1:1000 left;" disconnected, "=1;" connections, "hello;" */
  guint descriptors; /* number of open descriptors before the test */
} CoreFixture;

/* @options: NULL for a log of 64 KiB, messages up to 4 KiB, 10 clients and no pings. */
void core_fixture_set_up (CoreFixture *fixture, gconstpointer options);

/* Asserts that the manager is finalized and all descriptors are closed. */
void core_fixture_tear_down (CoreFixture *fixture, gconstpointer options);

/* Returns: (transfer full): another manager, whose signals are also recorded in @fixture. @options:
 * as for core_fixture_set_up(). */
RdManager *core_fixture_new_manager (CoreFixture *fixture, const WsEngineOptions *options);

/* Adds a client. Returns: (transfer none): its peer. */
Peer *core_fixture_join (CoreFixture *fixture);

/* Adds a client whose peer does not read and whose socket buffer holds less than two messages of 4
 * KiB. Returns: (transfer none): the peer. */
Peer *core_fixture_join_stalled (CoreFixture *fixture);

/* Asserts the recorded signals and clears the record. */
void core_fixture_expect (CoreFixture *fixture, const char *diary);

#define CORE_TEST(path, options, function) \
  g_test_add (path, CoreFixture, options, core_fixture_set_up, function, core_fixture_tear_down)

G_END_DECLS
