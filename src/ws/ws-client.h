/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-input.h"
#include "ws-log.h"
#include "ws-table.h"
#include "ws-wheel.h"

typedef struct _WsClient WsClient;

/* Callbacks of an engine. They may call functions of the engine, except ws_engine_pause(). */
typedef struct
{
  /* Called for each text or binary message; @data is valid during the call. */
  void (*message) (WsClient *client,
                   WsOpcode opcode,
                   const guint8 *data,
                   gsize size,
                   gpointer user_data);

  /* Called after a connection has ended, at the end of a main loop iteration. @client is no longer
   * in the table and is freed after the call. @code: code of the first close frame sent or
   * received, or %WS_CLOSE_ABNORMAL. */
  void (*closed) (WsClient *client, guint16 code, gpointer user_data);
} WsEngineEvents;

/* State shared by all clients of an engine. A client is evicted when the log is about to overwrite
 * bytes that were not sent to it: the unsent part of its current message is copied, to be sent
 * before a close frame. If the total size of these copies would exceed @max_copied, the client is
 * disconnected without a close frame instead. */
typedef struct
{
  WsLog *log;                   /* unowned: owned by the client set */
  WsCounters *counters;         /* unowned: in the table */
  gsize max_message;            /* maximum message size, bytes */
  gsize max_copied;             /* maximum value of @copied, bytes */
  gsize copied;                 /* total size of the copied message parts not sent yet, bytes */
  const WsEngineEvents *events; /* unowned: must outlive the engine */
  gpointer user_data;           /* unowned */
} WsContext;

/* Maximum number of waiting pongs of a client. */
#define WS_PONGS_MAX 16

/* Control frames queued for a client: one pong for each ping, at most one ping, and one close
 * frame. */
typedef struct
{
  guint64 at;      /* log offset (a frame boundary) at which the control frames are sent */
  GByteArray *out; /* owned: bytes to send next (control frames, or a copied message part) */
  guint sent;      /* number of bytes of @out already sent */
  gsize copied;    /* number of bytes of @out that WsContext.copied includes */
  gboolean ping_due;
  gboolean close_due;
  gboolean ping_in_out;
  gboolean close_in_out;
  GByteArray *pongs; /* owned: encoded pongs to send after @out */
  guint pong_count;  /* number of frames in @pongs, at most %WS_PONGS_MAX */
  guint last_pong;   /* offset of the last frame in @pongs, bytes */
  guint8 close_size;
  guint8 close[WS_CONTROL_FRAME_MAX];
} WsControl;

typedef enum
{
  WS_CLIENT_OPEN,
  WS_CLIENT_CLOSING,  /* close frame queued or sent; waiting for the close frame of the client */
  WS_CLIENT_FAILED,   /* like WS_CLIENT_CLOSING, but input is discarded (RFC 6455 §7.1.7) */
  WS_CLIENT_FINISHED, /* close handshake complete: the connection can be dropped */
} WsClientState;

/* One connection. Only this module, the client set and the engine access its fields. */
struct _WsClient
{
  WsRecord *record;   /* unowned: in the table; may move when another client is removed */
  guint64 id;         /* equal to record->id */
  WsControl *control; /* owned, nullable: queued control frames */
  GList link;         /* node in @queue */
  GQueue *queue;      /* unowned, nullable: the queue of the client set that contains @link */
  WsTimer timer;
  WsInput input;
  WsClientState state;
  guint16 close_code; /* code of the first close frame queued or received; 0 if none */
  guint close_received : 1;
  guint close_sent : 1;
  guint ping_sent : 1;   /* a ping was sent, and its timeout is not armed yet */
  guint awaits_pong : 1; /* a ping was sent, and nothing has been received since */
  guint is_timed : 1;    /* the close timeout is armed */
  guint is_ours : 1;     /* the server closed the connection, but not due to a client error */
  guint is_watched : 1;  /* the socket is in the epoll set */
  guint is_dead : 1;     /* dropped, but not yet removed from the table */
};

typedef enum
{
  WS_SEND_ALL,     /* all bytes were sent */
  WS_SEND_BLOCKED, /* the socket buffer is full; WS_RECORD_BLOCKED is set */
  WS_SEND_FAILED,  /* the connection is broken */
} WsSend;

/* Creates a client that owns the non-blocking socket record->fd. @record: (transfer none). */
WsClient *ws_client_new (WsRecord *record);

/* Frees a client and closes its socket if it is open. */
void ws_client_free (WsClient *client);

/* Creates an empty queue of control frames. They are sent when the cursor of the client reaches
 * log offset @at. Returns: (transfer full). */
WsControl *ws_control_new (guint64 at);
void ws_control_free (WsControl *control);

/* Queues a pong. If %WS_PONGS_MAX pongs are queued, it replaces the last one (RFC 6455 §5.5.3).
 * @size: at most %WS_CONTROL_PAYLOAD_MAX bytes. */
void ws_control_queue_pong (WsControl *control, const guint8 *payload, gsize size);

/* Sends the unsent part of the log to the client of @record, which must have no flags set. */
WsSend ws_client_send_log (WsRecord *record, WsContext *context);

/* Sends the unsent part of the log and the queued control frames. Control frames are sent only
 * between two messages. */
WsSend ws_client_send (WsClient *client, WsContext *context);

/* Sends @response, the response to the opening handshake, before any frame. The size of @response
 * is not counted as sent. Call ws_client_set_settle() afterwards. */
void ws_client_respond (WsClient *client, WsContext *context, const char *response);

/* Unmasks @data in place and handles it: reports messages, and replies to ping and close frames. */
void ws_client_receive (WsClient *client, WsContext *context, guint8 *data, gsize size);

/* Queues a ping (RFC 6455 §5.5.2), unless a ping is already waiting to be sent. */
void ws_client_ping (WsClient *client, WsContext *context);

/* Queues a close frame, to be sent after all messages in the log. No effect on a closing client.
 * @code: %WS_CLOSE_NO_STATUS, or a code that is valid in a frame. @reason: (nullable). */
void ws_client_close (WsClient *client, WsContext *context, guint16 code, const char *reason);

/* Evicts a client whose next bytes in the log will be overwritten: copies the unsent part of its
 * current message, queues a close frame (1013) unless one is queued, and detaches the client from
 * the log. Returns: TRUE, or FALSE if the copy would make WsContext.copied exceed max_copied; the
 * caller must then drop the client. */
gboolean ws_client_evict (WsClient *client, WsContext *context);

/* Subtracts the size of the message part copied for @client from WsContext.copied. Call this when
 * the copy has been sent or is no longer needed. */
void ws_client_release_copy (WsClient *client, WsContext *context);

/* Adds the messages delivered to @client so far to context->counters. Call this before detaching or
 * dropping @client. */
void ws_client_count_delivered (WsClient *client, WsContext *context);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsControl, ws_control_free)
