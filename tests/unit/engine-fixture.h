/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "crowd.h"
#include "ws-engine.h"

G_BEGIN_DECLS

/* An engine, the peers of its clients, and a record of its callbacks, for g_test_add(). */
typedef struct _EngineFixture EngineFixture;
struct _EngineFixture
{
  WsEngine *engine;
  Crowd *crowd;
  guint descriptors; /* number of open descriptors before the test */

  GString *messages; /* messages from clients, such as "hello;" */
  GString *closed;   /* ids and close codes of closed clients, such as "1:1006;" */

  /* Both nullable; called from the callbacks of the engine. */
  void (*on_message) (EngineFixture *fixture, WsClient *client, const guint8 *data, gsize size);
  void (*on_closed) (EngineFixture *fixture, WsClient *client);
  gpointer test_data;
};

/* @options: NULL for a log of 1 MiB, messages up to 64 KiB, 600 clients and no pings. */
void engine_fixture_set_up (EngineFixture *fixture, gconstpointer options);

/* Asserts that all descriptors are closed. */
void engine_fixture_tear_down (EngineFixture *fixture, gconstpointer options);

/* Returns: (transfer full): another engine, whose callbacks are also recorded in @fixture. */
WsEngine *engine_fixture_new (EngineFixture *fixture, const WsEngineOptions *options);
WsEngine *engine_fixture_new_from (EngineFixture *fixture,
                                   WsHandover *handover,
                                   const WsEngineOptions *options,
                                   GError **error);

/* Adds a client. Returns: (transfer none): its peer. @client: (out) (nullable): the client, valid
 * until it is closed. */
Peer *engine_fixture_join (EngineFixture *fixture, WsClient **client);

/* Adds a client whose peer does not read and whose socket buffer holds only a few KiB. */
Peer *engine_fixture_join_stalled (EngineFixture *fixture, WsClient **client);

/* Publishes a message of @size bytes, whose content depends on @number. */
void engine_fixture_publish (EngineFixture *fixture, guint64 number, gsize size);

/* Removes the data received by @peer; asserts that these are whole messages of @size bytes with
 * consecutive numbers from @number on. Returns: number of the last message plus 1. */
guint64 engine_fixture_take (Peer *peer, guint64 number, gsize size);

WsEngineStats engine_fixture_stats (EngineFixture *fixture);

/* Returns: the number of clients closed with @code. */
guint64 engine_fixture_count_closed (EngineFixture *fixture, guint16 code);

#define ENGINE_TEST(path, options, function)                                 \
  g_test_add (path, EngineFixture, options, engine_fixture_set_up, function, \
              engine_fixture_tear_down)

G_END_DECLS
