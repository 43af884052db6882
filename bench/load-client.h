/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "load-stats.h"
#include "load-target.h"
#include "wire.h"

typedef enum
{
  LOAD_CLIENT_IDLE,
  LOAD_CLIENT_CONNECTING,
  LOAD_CLIENT_HANDSHAKE,
  LOAD_CLIENT_OPEN,
  LOAD_CLIENT_CLOSING, /* we sent a close frame first */
  LOAD_CLIENT_CLOSED,  /* the server sent a close frame first */
} LoadClientState;

typedef enum
{
  LOAD_EVENT_NONE,
  LOAD_EVENT_OPENED,
  LOAD_EVENT_FAILED, /* before it was open */
  LOAD_EVENT_GONE,   /* see close_code */
} LoadEvent;

typedef struct
{
  int fd;                   /* owned; -1 while idle */
  const LoadTarget *target; /* unowned: the server */
  guint index;
  int sender;         /* sender number, or -1 */
  guint n_echoed;     /* own messages received back; cleared by the owner */
  guint8 state;       /* a LoadClientState */
  guint16 close_code; /* of the server; 1006 until it has sent a close frame */
  guint carry_length;
  guint8 *carry;      /* owned, nullable: the received part of a frame */
  GByteArray *unsent; /* owned, nullable: data that the socket did not accept */
} LoadClient;

/* Shared by all clients. */
typedef struct
{
  LoadStats *stats; /* unowned, nullable: NULL: messages are ignored */
  guint8 *input;    /* owned by the swarm, LOAD_INPUT_SIZE */
} LoadReader;

enum
{
  LOAD_INPUT_SIZE = 256 * 1024,
};

/* Starts to connect. */
gboolean load_client_connect (LoadClient *client, GError **error);

/* Handles the edge-triggered epoll @events. @error: set if LOAD_EVENT_FAILED is returned. */
LoadEvent load_client_handle (LoadClient *client, LoadReader *reader, guint events, GError **error);

/* Sends @data; what the socket does not accept is sent later. Errors are reported when reading. */
void load_client_send (LoadClient *client, const guint8 *data, gsize length);

/* Returns whether there is unsent data. */
gboolean load_client_is_blocked (const LoadClient *client);

/* Starts the closing handshake, code 1000. */
void load_client_close (LoadClient *client);

/* Closes the socket; the client is idle again. */
void load_client_reset (LoadClient *client);

/* Writes a masked frame to @out, which has room for WIRE_MAX_HEADER + @length bytes. Returns its
 * size. */
gsize load_client_encode (guint8 *out, WireOpcode opcode, const guint8 *payload, gsize length);
