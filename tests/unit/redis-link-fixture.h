/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-redis-link.h"
#include "redis-server-fixture.h"

G_BEGIN_DECLS

/* A link, the server at its other end, and a diary of what the link tells. For g_test_add(). */
typedef struct LinkFixture
{
  RedisServer *server;
  RdRedisLink *link; /* NULL: not there yet, or freed */
  RdRedisTimeouts timeouts;
  GString *diary; /* "ready;", "=OK;" a reply, ">[message c hi];" a push, "failed;" */
  guint n_entries;
  void (*when_ready) (struct LinkFixture *fixture); /* nullable */
  guint free_at;     /* frees the link when so many entries are made; 0: never */
  GError *error;     /* owned: why it failed */
  guint descriptors; /* open before all */
} LinkFixture;

/* With a server at TCP, and more patience than any test takes. */
void link_fixture_set_up (LinkFixture *fixture, gconstpointer unused);

/* Asserts that nothing was told that no test looked at, and that all descriptors are closed. */
void link_fixture_tear_down (LinkFixture *fixture, gconstpointer unused);

/* Begins to connect; also until it is ready. */
void link_fixture_connect (LinkFixture *fixture);
void link_fixture_connect_ready (LinkFixture *fixture);

void link_fixture_free_link (LinkFixture *fixture);

/* Writes its reply into the diary. @user_data: the fixture. */
void link_fixture_note (const redisReply *reply, gpointer user_data);

/* Waits until so much is in the diary, asserts that it is that, and turns the page. */
void link_fixture_expect (LinkFixture *fixture, const char *diary);

/* Waits until the link has failed, and asserts why. */
void link_fixture_expect_failure (LinkFixture *fixture,
                                  GQuark domain,
                                  int code,
                                  const char *message);

/* Runs the main context for as long as it has anything to do at once. */
void link_fixture_settle (void);

/* Runs the main context for so long. */
void link_fixture_pass (guint ms);

G_END_DECLS
