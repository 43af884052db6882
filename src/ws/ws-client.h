/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-control.h"
#include "ws-input.h"
#include "ws-log.h"
#include "ws-table.h"
#include "ws-wheel.h"

G_BEGIN_DECLS

typedef struct _WsClient WsClient;

/* What all clients of an engine share. */
typedef struct
{
  WsLog *log;           /* owned by the roster */
  WsCounters *counters; /* within the table */
  gsize max_message;    /* bytes */

  /* A whole text or binary message came in; @data is valid during the call. */
  void (*message) (WsClient *client,
                   WsOpcode opcode,
                   const guint8 *data,
                   gsize size,
                   gpointer user_data);
  gpointer user_data;
} WsContext;

typedef enum
{
  WS_CLIENT_OPEN,
  WS_CLIENT_CLOSING,  /* our close frame waits or is sent; theirs is still to come */
  WS_CLIENT_FAILED,   /* as closing, but what comes in is thrown away (§7.1.7) */
  WS_CLIENT_FINISHED, /* nothing more to say or hear: drop it */
} WsClientState;

/* One connection. Its fields are the engine's and its own; others use the functions below. */
struct _WsClient
{
  WsRecord *record;   /* unowned: in the table; moves when another client leaves */
  guint64 id;         /* as in the record, at an address that stays */
  WsControl *control; /* owned, nullable: control frames that wait */
  GList link;         /* in a queue of the roster: */
  GQueue *queue;      /* that one; NULL: in none */
  WsTimer timer;
  WsInput input;
  WsClientState state;
  guint16 close_code; /* of the first close frame queued or received; 0: none yet */
  guint close_received : 1;
  guint close_sent : 1;
  guint awaits_pong : 1;
  guint is_timed : 1;   /* the close handshake has its deadline */
  guint is_ours : 1;    /* it did nothing wrong: the end was our will */
  guint is_watched : 1; /* its socket is in the epoll set */
  guint is_dead : 1;    /* in the queue of clients to free */
};

typedef enum
{
  WS_SEND_ALL,     /* nothing is left to send for now */
  WS_SEND_BLOCKED, /* the socket is full: WS_RECORD_BLOCKED is set */
  WS_SEND_FAILED,  /* the connection is gone */
} WsSend;

/* @record: (transfer none), with its descriptor: (transfer full), non-blocking. */
WsClient *ws_client_new (WsRecord *record);

/* Closes the socket, if it is still open, and frees all. */
void ws_client_free (WsClient *client);

/* Sends a record's share of the log up to the head; for records without flags: the steady state. */
WsSend ws_client_send_log (WsRecord *record, WsContext *context);

/* Sends what waits, control frames at the boundaries of messages among it. */
WsSend ws_client_send (WsClient *client, WsContext *context);

/* Works on bytes that came in (unmasked in place): passes messages on, answers pings and closes. */
void ws_client_receive (WsClient *client, WsContext *context, guint8 *data, gsize size);

/* Queues a ping (§5.5.2). */
void ws_client_ping (WsClient *client, WsContext *context);

/* Queues a close frame behind all that is in the log now (§7.1.2); no effect once closing.
 * @code: %WS_CLOSE_NO_STATUS or one that may stand in a frame. */
void ws_client_close (WsClient *client, WsContext *context, guint16 code, const char *reason);

/* Takes a client off the log which is about to overtake its cursor: it is sent the rest of the
 * message it is in, then its close frame; 1013 if it was not closing already. */
void ws_client_evict (WsClient *client, WsContext *context);

/* Counts what was delivered before the client left or was evicted. */
void ws_client_count_delivered (WsClient *client, WsContext *context);

G_END_DECLS
