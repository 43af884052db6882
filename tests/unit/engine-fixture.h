/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "crowd.h"
#include "ws-engine.h"

G_BEGIN_DECLS

/* An engine, its clients' peers, and a diary of its events. For g_test_add(). */
typedef struct _EngineFixture EngineFixture;
struct _EngineFixture
{
  WsEngine *engine;
  Crowd *crowd;
  guint descriptors; /* open before all */

  GString *messages; /* what clients sent: "hello;" */
  GString *closed;   /* ids and codes of those who left: "1:1006;" */

  /* Both nullable: what a test does within the engine's callbacks. */
  void (*on_message) (EngineFixture *fixture, WsClient *client, const guint8 *data, gsize size);
  void (*on_closed) (EngineFixture *fixture, WsClient *client);
  gpointer test_data;
};

/* @options: NULL for a log of 1 MiB, messages up to 64 KiB, 600 clients and no pings. */
void engine_fixture_set_up (EngineFixture *fixture, gconstpointer options);

/* Asserts that all descriptors are closed again. */
void engine_fixture_tear_down (EngineFixture *fixture, gconstpointer options);

/* Returns: (transfer full): another engine, which tells of its events in the same diary. */
WsEngine *engine_fixture_new (EngineFixture *fixture, const WsEngineOptions *options);
WsEngine *engine_fixture_new_from (EngineFixture *fixture,
                                   WsHandover *handover,
                                   const WsEngineOptions *options,
                                   GError **error);

/* Both (transfer none). @client: (out) (nullable): valid until it has left. */
Peer *engine_fixture_join (EngineFixture *fixture, WsClient **client);

/* One that does not read, and whose socket holds next to nothing. */
Peer *engine_fixture_join_deaf (EngineFixture *fixture, WsClient **client);

/* Publishes message @number. */
void engine_fixture_publish (EngineFixture *fixture, guint64 number, gsize size);

/* Takes what a peer was sent, which is nothing but whole messages from @number on, @size bytes
 * each. Returns: the number behind the last. */
guint64 engine_fixture_take (Peer *peer, guint64 number, gsize size);

WsEngineStats engine_fixture_stats (EngineFixture *fixture);

/* How many clients are closed with @code so far. */
guint64 engine_fixture_count_closed (EngineFixture *fixture, guint16 code);

#define ENGINE_TEST(path, options, function)                                 \
  g_test_add (path, EngineFixture, options, engine_fixture_set_up, function, \
              engine_fixture_tear_down)

G_END_DECLS
