/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-pending.h"

G_BEGIN_DECLS

#define PENDING_LOOKS_MAX  64
#define PENDING_SERVED_MAX 64
#define PENDING_ANSWER     "an answer"

/* A set of connections, the clients' ends of them, and a record of the callbacks, for g_test_add().
 * A request ends with a full stop, and its first letter is the state that it leads to: A(nswered),
 * S(erved) or T(aken). */
typedef struct
{
  RdPending *pending;
  int listen_fd;
  GArray *clients;            /* int, owned: the clients' ends, in the order of the connections */
  GPtrArray *served;          /* GSocketConnection, owned */
  GString *requests;          /* requests of the served connections */
  GArray *taken;              /* int, owned */
  guint n_looks;              /* number of calls of look() */
  gsize size;                 /* size of the input in the last look */
  gboolean is_last;           /* of the last look */
  gboolean is_answering_last; /* look() answers an incomplete request at the last look */
  guint n_timed_out;
  guint descriptors; /* number of open descriptors before the test */
} PendingFixture;

/* The lifetime of the connections is a minute. */
void pending_fixture_set_up (PendingFixture *fixture, gconstpointer data);

/* Asserts that all descriptors are closed. */
void pending_fixture_tear_down (PendingFixture *fixture, gconstpointer data);

/* Replaces the set by one with another lifetime. */
void pending_fixture_use_lifetime (PendingFixture *fixture, gint64 lifetime_us);

/* Connects. Returns: the client's end (owned by @fixture). @server_fd: (out) (transfer full): the
 * server's end. */
int pending_fixture_connect (PendingFixture *fixture, int *server_fd);

/* Adds a connection whose client has sent @text. Returns: the client's end. */
int pending_fixture_join (PendingFixture *fixture, const char *text);

guint pending_fixture_count (PendingFixture *fixture, RdPendingState state);
guint pending_fixture_count_all (PendingFixture *fixture);

/* Runs the main loop until it is idle. */
void pending_fixture_settle (void);

/* Waits until @fd has input, or its end. */
void pending_fixture_wait_readable (int fd);

void client_send (int client, const char *text);

/* Resets the connection. */
void client_reset (int client);

/* Asserts that the server sends @data, and then closes the connection or its half of it. */
void client_expect_end (int client, const char *data);

/* Asserts that the server has cut the connection: it has ended, or was reset. */
void client_expect_cut (int client);

/* Asserts that the connection has not ended, and that nothing has arrived. */
void client_expect_open (int client);

#define WAIT_FOR(condition)                                                  \
  G_STMT_START                                                               \
  {                                                                          \
    const gint64 end_us = g_get_monotonic_time () + 30 * G_TIME_SPAN_SECOND; \
                                                                             \
    while (!(condition))                                                     \
      {                                                                      \
        g_main_context_iteration (NULL, FALSE);                              \
        g_assert_cmpint (g_get_monotonic_time (), <, end_us);                \
      }                                                                      \
  }                                                                          \
  G_STMT_END

#define PENDING_TEST(path, function)                                        \
  g_test_add (path, PendingFixture, NULL, pending_fixture_set_up, function, \
              pending_fixture_tear_down)

G_END_DECLS
