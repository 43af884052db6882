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
  LOAD_CLIENT_CLOSING, /* we sent a close frame of our own accord */
  LOAD_CLIENT_CLOSED,  /* the server did */
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
  const LoadTarget *target; /* unowned: where it connects */
  guint index;
  int sender;         /* its number as a sender, or -1 */
  guint n_echoed;     /* own messages received back; cleared by the owner */
  guint8 state;       /* a LoadClientState */
  guint16 close_code; /* 1006 until the server says why */
  guint carry_length;
  guint8 *carry;      /* owned, nullable: the start of a frame whose rest has not come */
  GByteArray *unsent; /* owned, nullable: what the socket did not take */
} LoadClient;

/* What all clients share for reading. */
typedef struct
{
  LoadStats *stats; /* unowned, nullable: messages are not looked at */
  guint8 *input;    /* owned by the swarm, LOAD_INPUT_SIZE */
} LoadReader;

enum
{
  LOAD_INPUT_SIZE = 256 * 1024,
};

gboolean load_client_connect (LoadClient *client, GError **error);

/* @events: of epoll, edge-triggered. @error: set for LOAD_EVENT_FAILED. */
LoadEvent load_client_handle (LoadClient *client, LoadReader *reader, guint events, GError **error);

/* What the socket does not take follows later; a broken connection shows when reading. */
void load_client_send (LoadClient *client, const guint8 *data, gsize length);
gboolean load_client_is_blocked (const LoadClient *client);

/* Starts the closing handshake, code 1000. */
void load_client_close (LoadClient *client);

/* Back to idle, the socket closed. */
void load_client_reset (LoadClient *client);

/* Writes a whole masked frame. @out: WIRE_MAX_HEADER bytes more than @length. Returns: its size. */
gsize load_client_encode (guint8 *out, WireOpcode opcode, const guint8 *payload, gsize length);
