/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "peer.h"
#include "ws-client.h"

G_BEGIN_DECLS

/* One client without an engine: nothing happens but what the test asks for. For g_test_add(). */
typedef struct
{
  WsLog *log;
  WsTable *table;
  WsContext context;
  WsRecord *record;
  WsClient *client;
  Peer *peer;
  GPtrArray *sizes;    /* of the messages published, each GSIZE_TO_POINTER */
  guint next_expected; /* number of the message the peer sees next */
  GString *messages;   /* what the client passed on: "hello;" */
} ClientFixture;

void client_fixture_set_up (ClientFixture *fixture, gconstpointer data);
void client_fixture_tear_down (ClientFixture *fixture, gconstpointer data);

/* Appends a message of @size bytes to the log. */
void client_fixture_publish (ClientFixture *fixture, gsize size);

/* Publishes a message, and gets the client stuck in the middle of it. */
void client_fixture_block (ClientFixture *fixture);

/* Sends and reads until all has gone out; asserts that the connection holds. */
void client_fixture_drain (ClientFixture *fixture);

/* What the peer sends reaches the client at once. */
void client_fixture_receive (ClientFixture *fixture, guint8 opcode, const char *payload);
void client_fixture_receive_close (ClientFixture *fixture, guint16 code, const char *reason);

/* Asserts that the peer sees the next @count messages whole. */
void client_fixture_expect (ClientFixture *fixture, guint count);

#define CLIENT_TEST(path, function) \
  g_test_add (path, ClientFixture, NULL, client_fixture_set_up, function, client_fixture_tear_down)

G_END_DECLS
