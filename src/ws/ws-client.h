/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-input.h"
#include "ws-log.h"
#include "ws-table.h"
#include "ws-wheel.h"

typedef struct _WsClient WsClient;

/* Callbacks of an engine. Both may call functions of the engine. */
typedef struct
{
  /* Called for each text or binary message; @data is valid during the call. */
  void (*message) (WsClient *client,
                   WsOpcode opcode,
                   const guint8 *data,
                   gsize size,
                   gpointer user_data);

  /* Called when a connection has ended, at the end of a turn of the main loop; @client is not in
   * the table any more, and freed after this. @code: code of the first close frame sent or
   * received, or %WS_CLOSE_ABNORMAL. */
  void (*closed) (WsClient *client, guint16 code, gpointer user_data);
} WsEngineEvents;

/* State shared by all clients of an engine. Eviction copies the unsent part of a message; all such
 * copies together are limited, and clients over the limit are dropped. */
typedef struct
{
  WsLog *log;                   /* owned by the client set */
  WsCounters *counters;         /* in the table */
  gsize max_message;            /* bytes */
  gsize max_copied;             /* limit of @copied, bytes */
  gsize copied;                 /* size of all copies that are not sent yet, bytes */
  const WsEngineEvents *events; /* unowned: outlives us */
  gpointer user_data;           /* unowned */
} WsContext;

/* Queued control frames of a client: at most one ping, one pong (the latest, §5.5.3) and one close
 * frame, so that the size is bounded. */
typedef struct
{
  guint64 at;      /* frame boundary in the log at which they are sent */
  GByteArray *out; /* owned: encoded bytes being sent */
  guint sent;      /* bytes of @out */
  gsize copied;    /* bytes of @out that are counted in WsContext.copied */
  gboolean ping_due;
  gboolean pong_due;
  gboolean close_due;
  gboolean ping_in_out;
  gboolean close_in_out;
  guint8 pong_size;
  guint8 pong[WS_CONTROL_PAYLOAD_MAX];
  guint8 close_size;
  guint8 close[WS_CONTROL_FRAME_MAX];
} WsControl;

typedef enum
{
  WS_CLIENT_OPEN,
  WS_CLIENT_CLOSING,  /* close frame queued or sent; waiting for the peer's */
  WS_CLIENT_FAILED,   /* same, but input is discarded (§7.1.7) */
  WS_CLIENT_FINISHED, /* close handshake done: drop the connection */
} WsClientState;

/* One connection. Fields are for this module, the client set and the engine. */
struct _WsClient
{
  WsRecord *record;   /* unowned: in the table; moves when another client is removed */
  guint64 id;         /* same as in the record */
  WsControl *control; /* owned, nullable: queued control frames */
  GList link;         /* in a queue of the client set */
  GQueue *queue;      /* unowned: that queue, or NULL */
  WsTimer timer;
  WsInput input;
  WsClientState state;
  guint16 close_code; /* of the first close frame queued or received, or 0 */
  guint close_received : 1;
  guint close_sent : 1;
  guint ping_sent : 1;   /* a ping was written, and its timeout not armed yet */
  guint awaits_pong : 1; /* a ping was written, and nothing received since */
  guint is_timed : 1;    /* the close timeout is armed */
  guint is_ours : 1;     /* closed by the server, not because of an error of the client */
  guint is_watched : 1;  /* the socket is in the epoll set */
  guint is_dead : 1;     /* dropped, not removed yet */
};

typedef enum
{
  WS_SEND_ALL,     /* nothing is left to send */
  WS_SEND_BLOCKED, /* the socket is full: WS_RECORD_BLOCKED is set */
  WS_SEND_FAILED,  /* the connection is broken */
} WsSend;

/* @record: (transfer none): has a non-blocking descriptor, (transfer full). */
WsClient *ws_client_new (WsRecord *record);

/* Frees a client and closes its socket, if it is open. */
void ws_client_free (WsClient *client);

/* Returns: (transfer full): a queue that is sent when the cursor is @at. */
WsControl *ws_control_new (guint64 at);
void ws_control_free (WsControl *control);

/* Sends the log up to the head, for a record without flags. */
WsSend ws_client_send_log (WsRecord *record, WsContext *context);

/* Sends the log, with queued control frames between messages. */
WsSend ws_client_send (WsClient *client, WsContext *context);

/* Handles received bytes (unmasked in place): emits messages, answers pings and closes. */
void ws_client_receive (WsClient *client, WsContext *context, guint8 *data, gsize size);

/* Queues a ping (§5.5.2), unless one is queued and not written yet. */
void ws_client_ping (WsClient *client, WsContext *context);

/* Queues a close frame after all messages in the log (§7.1.2); no effect if already closing.
 * @code: %WS_CLOSE_NO_STATUS, or a code that is valid in a frame. */
void ws_client_close (WsClient *client, WsContext *context, guint16 code, const char *reason);

/* Detaches a client from the log before its unsent part is overwritten: copies the unsent part of
 * the message that is being sent, and queues a close frame (1013) if none is queued.
 * Returns: FALSE if the copy would exceed the limit for all clients: drop the client. */
gboolean ws_client_evict (WsClient *client, WsContext *context);

/* Subtracts the copy of a dropped client from WsContext.copied. */
void ws_client_release_copy (WsClient *client, WsContext *context);

/* Counts the messages delivered to a client that leaves or is evicted. */
void ws_client_count_delivered (WsClient *client, WsContext *context);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsControl, ws_control_free)
