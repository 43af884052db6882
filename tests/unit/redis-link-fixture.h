/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-link.h"
#include "redis-server-fixture.h"

/* A link, its server, and a log of its events, for g_test_add(). */
typedef struct LinkFixture
{
  RedisServer *server;
  RdRedisLink *link; /* owned; NULL: not connecting yet, or freed */
  RdRedisTimeouts timeouts;
  GString *events; /* such as "ready;", "=OK;" (reply), ">[message c hi];" (push), "failed;" */
  guint n_events;
  void (*when_ready) (struct LinkFixture *fixture); /* nullable */
  guint free_at;     /* number of the event at which the link is freed; 0: never */
  GError *error;     /* owned: why the link failed */
  guint descriptors; /* number of open descriptors before the test */
} LinkFixture;

/* Starts a TCP server; sets timeouts longer than any test. */
void link_fixture_set_up (LinkFixture *fixture, gconstpointer unused);

/* Asserts that the log has no unexpected event and that all descriptors are closed. */
void link_fixture_tear_down (LinkFixture *fixture, gconstpointer unused);

/* Starts connecting; link_fixture_connect_ready() also waits until the link is ready. */
void link_fixture_connect (LinkFixture *fixture);
void link_fixture_connect_ready (LinkFixture *fixture);

void link_fixture_free_link (LinkFixture *fixture);

/* Logs a reply. @user_data: the fixture. */
void link_fixture_log_reply (const redisReply *reply, gpointer user_data);

/* Waits until the log is as long as @events, asserts that both are equal, and clears the log. */
void link_fixture_expect (LinkFixture *fixture, const char *events);

/* Waits until the link fails, and asserts the error. */
void link_fixture_expect_failure (LinkFixture *fixture,
                                  GQuark domain,
                                  int code,
                                  const char *message);

/* Runs the main context until nothing is pending. */
void link_fixture_settle (void);

/* Runs the main context for @ms. */
void link_fixture_wait (guint ms);
