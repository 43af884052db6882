/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-client.h"

typedef struct
{
  gsize log_size;          /* bytes */
  gsize max_message;       /* bytes; at most an eighth of the log */
  guint max_clients;       /* at the same time */
  gint64 ping_interval_us; /* silence after which a client is pinged; 0: never */
  gint64 ping_timeout_us;  /* silence after a ping that ends the connection */
} WsEngineOptions;

/* Progress of sending the log to all clients. */
typedef struct
{
  gboolean is_active; /* a pass over the table is under way: */
  guint slot;         /*   next slot, */
  guint64 head;       /*   and the head when the pass began */
  guint64 done;       /* clients that are not blocked have the log up to this offset, */
  guint64 done_count; /*   which is so many messages */
  guint64 low;        /* lower bound of all cursors */
} WsFlush;

/* All clients of an engine: adds and removes them, sends to them, and handles their timeouts.
 * Fields are for the engine and the hand-over. */
typedef struct
{
  WsEngineOptions options;
  WsContext context;
  WsLog *log;         /* owned */
  WsTable *table;     /* owned */
  WsClient **clients; /* owned: slot -> WsClient, owned */
  WsWheel *wheel;     /* owned: timers of the clients */
  WsFlush flush;
  gint64 now_us;          /* monotonic: start of the current turn of the engine */
  gint64 send_timeout_us; /* see ws_socket_set_send_timeout() */
  int epoll_fd;           /* owned; events carry the WsClient */
  gboolean retunes;       /* sockets of another process may have a different send timeout */
  GQueue unwatched;       /* unowned WsClient: from another process, not in the epoll set yet */
  GQueue readable;        /* unowned WsClient: may have more to read */
  GQueue dead;            /* unowned WsClient: dropped, not removed yet */
} WsClientSet;

/* Makes a set without callbacks in its context.
 * @log, @table: (transfer full), also on failure; the table is empty and has room for max_clients.
 * Returns: (transfer full): NULL with a #GFileError. */
WsClientSet *ws_client_set_new (WsLog *log,
                                WsTable *table,
                                const WsEngineOptions *options,
                                GError **error);

/* Frees the set and closes open sockets without a close frame. */
void ws_client_set_free (WsClientSet *set);

/* Adds a client, which gets the messages published from now on.
 * @fd: (transfer full), also on failure. Returns: (transfer none): NULL with a #GFileError. */
WsClient *ws_client_set_add (WsClientSet *set, int fd, GError **error);

/* Adds a client of another process with a copy of its record; the table must have room. The socket
 * is not watched until ws_client_set_watch(): watching takes most of the time of a hand-over.
 * @fd: (transfer full). Returns: (transfer none): queued in @unwatched. */
WsClient *ws_client_set_restore (WsClientSet *set, const WsRecord *record, int fd);

/* Arms the ping timer of a restored client from its record. */
void ws_client_set_restore_ping (WsClientSet *set, WsClient *client);

/* Adds the socket of a restored client to the epoll set and sets its send timeout. If that fails,
 * closes the connection with 1012. */
void ws_client_set_watch (WsClientSet *set, WsClient *client);

/* Pops the head of @queue, a queue of a client set. Returns: (transfer none) (nullable). */
WsClient *ws_client_set_pop (GQueue *queue);

/* Replaces the log with @log, which has the newest of the same messages; evicts clients whose
 * cursor is before its tail. @log: (transfer full). */
void ws_client_set_change_log (WsClientSet *set, WsLog *log);

/* Begins the close handshake (1012) with the clients in slot @first and above; sends nothing. */
void ws_client_set_close_from (WsClientSet *set, guint first);

/* Arms the close timeout: @deadline_us, or 5 s from now if that is earlier. */
void ws_client_set_time_close (WsClientSet *set, WsClient *client, gint64 deadline_us);

/* Sends all pending bytes of @client, then settles it. */
void ws_client_set_send (WsClientSet *set, WsClient *client);

/* Acts on a changed state of @client: sends control frames, drops it or arms its timeouts. */
void ws_client_set_settle (WsClientSet *set, WsClient *client);

/* Queues @client in @readable. */
void ws_client_set_read_later (WsClientSet *set, WsClient *client);

/* Restarts the ping interval of @client after bytes were received. */
void ws_client_set_arm_ping (WsClientSet *set, WsClient *client);

/* Closes the socket of @client. The client and its record exist until ws_client_set_reap(). */
void ws_client_set_drop (WsClientSet *set, WsClient *client);

/* Removes a dropped client from the table; the last record moves to its slot.
 * @record: (out): copy of the record of the client, which uses it from now on.
 * Returns: (transfer full) (nullable). */
WsClient *ws_client_set_reap (WsClientSet *set, WsRecord *record);

/* Sends the log to all clients for a few milliseconds; the next call continues the pass. */
void ws_client_set_flush (WsClientSet *set);

/* Whether ws_client_set_flush() has more to send. */
gboolean ws_client_set_is_flush_pending (const WsClientSet *set);

/* Prepares an append of @size payload bytes: sends to clients whose unsent part would be
 * overwritten, and evicts those that still have not read it. */
void ws_client_set_make_room (WsClientSet *set, gsize size);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsClientSet, ws_client_set_free)
