/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "crowd.h"
#include "ws-engine.h"

G_BEGIN_DECLS

/* An engine, peers of its clients, and a record of its callbacks. For g_test_add(). */
typedef struct _EngineFixture EngineFixture;
struct _EngineFixture
{
  WsEngine *engine;
  Crowd *crowd;
  guint descriptors; /* open before the test */

  GString *messages; /* messages from clients: "hello;" */
  GString *closed;   /* ids and codes of closed clients: "1:1006;" */

  /* Nullable: called from the engine's callbacks. */
  void (*on_message) (EngineFixture *fixture, WsClient *client, const guint8 *data, gsize size);
  void (*on_closed) (EngineFixture *fixture, WsClient *client);
  gpointer test_data;
};

/* @options: NULL for a log of 1 MiB, messages up to 64 KiB, 600 clients and no pings. */
void engine_fixture_set_up (EngineFixture *fixture, gconstpointer options);

/* Asserts that all descriptors are closed. */
void engine_fixture_tear_down (EngineFixture *fixture, gconstpointer options);

/* Returns: (transfer full): another engine, whose callbacks are recorded in the same place. */
WsEngine *engine_fixture_new (EngineFixture *fixture, const WsEngineOptions *options);
WsEngine *engine_fixture_new_from (EngineFixture *fixture,
                                   WsHandover *handover,
                                   const WsEngineOptions *options,
                                   GError **error);

/* Adds a client. Returns: (transfer none): its peer. @client: (out) (nullable): valid until it has
 * left. */
Peer *engine_fixture_join (EngineFixture *fixture, WsClient **client);

/* Adds a client that does not read, and whose socket holds a few KiB. */
Peer *engine_fixture_join_stalled (EngineFixture *fixture, WsClient **client);

/* Publishes message @number. */
void engine_fixture_publish (EngineFixture *fixture, guint64 number, gsize size);

/* Removes the data received by a peer, which must be whole messages of @size bytes from @number on.
 * Returns: the number after the last one. */
guint64 engine_fixture_take (Peer *peer, guint64 number, gsize size);

WsEngineStats engine_fixture_stats (EngineFixture *fixture);

/* Returns: the number of clients closed with @code. */
guint64 engine_fixture_count_closed (EngineFixture *fixture, guint16 code);

#define ENGINE_TEST(path, options, function)                                 \
  g_test_add (path, EngineFixture, options, engine_fixture_set_up, function, \
              engine_fixture_tear_down)

G_END_DECLS
