/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "peer.h"
#include "ws-client.h"

G_BEGIN_DECLS

/* One client without an engine, for g_test_add(). It sends and receives only when a test calls a
 * function below. */
typedef struct
{
  WsLog *log;
  WsTable *table;
  WsContext context;
  WsRecord *record;
  WsClient *client;
  Peer *peer;
  GPtrArray *sizes;    /* sizes of the published messages, each GSIZE_TO_POINTER */
  guint next_expected; /* number of the next message for the peer */
  GString *messages;   /* messages from the client, such as "hello;" */
} ClientFixture;

void client_fixture_set_up (ClientFixture *fixture, gconstpointer data);
void client_fixture_tear_down (ClientFixture *fixture, gconstpointer data);

/* Appends a message of @size bytes to the log. */
void client_fixture_publish (ClientFixture *fixture, gsize size);

/* Publishes a message that is sent partially, so that the client is blocked. */
void client_fixture_block (ClientFixture *fixture);

/* Sends and reads until nothing is pending; asserts that sending does not fail. */
void client_fixture_drain (ClientFixture *fixture);

/* Passes a frame from the peer to the client. */
void client_fixture_receive (ClientFixture *fixture, guint8 opcode, const char *payload);
void client_fixture_receive_close (ClientFixture *fixture, guint16 code, const char *reason);

/* Passes the pings @first to @last to the client in one packet. The payload of each is its number.
 */
void client_fixture_receive_pings (ClientFixture *fixture, guint first, guint last);

/* Asserts that the peer has received the next @count messages. */
void client_fixture_expect (ClientFixture *fixture, guint count);

/* Asserts that the peer has received the pongs for the pings @first to @last. */
void client_fixture_expect_pongs (ClientFixture *fixture, guint first, guint last);

#define CLIENT_TEST(path, function) \
  g_test_add (path, ClientFixture, NULL, client_fixture_set_up, function, client_fixture_tear_down)

G_END_DECLS
