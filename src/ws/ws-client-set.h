/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-client.h"

typedef struct
{
  gsize log_size;          /* capacity of the log, bytes */
  gsize max_message;       /* maximum message size, bytes; must not exceed log_size / 8 */
  guint max_clients;       /* maximum number of connected clients */
  gint64 ping_interval_us; /* a client is pinged if it sends nothing for this time; 0: no pings */
  gint64 ping_timeout_us;  /* a client is closed if it sends nothing for this time after a ping */
} WsEngineOptions;

/* Progress of the flush passes. A flush pass sends the messages in the log to all clients. */
typedef struct
{
  gboolean is_active; /* a flush pass is in progress */
  guint slot;         /* slot of the next client in the flush pass */
  guint64 head;       /* head of the log when the flush pass began */
  guint64 done;       /* the log up to this offset was sent to all clients that are not blocked */
  guint64 done_count; /* message count of the log when the latest flush pass began */
  guint64 low;        /* no client has a cursor below this offset */
} WsFlush;

/* All clients of an engine: adds and removes clients, sends to them, and handles their timeouts.
 * Only this module, the engine and the hand-over access the fields. */
typedef struct
{
  WsEngineOptions options;
  WsContext context;
  WsLog *log;         /* owned */
  WsTable *table;     /* owned */
  WsClient **clients; /* owned: array of owned clients; the index is the slot in the table */
  WsWheel *wheel;     /* owned: timers of the clients */
  WsFlush flush;
  gint64 now_us;          /* CLOCK_MONOTONIC: time when this main loop iteration began */
  gint64 send_timeout_us; /* value for ws_socket_set_send_timeout() */
  int epoll_fd;           /* owned; the data of each event is the WsClient */
  gboolean retunes;       /* restored sockets still have the send timeout of the old worker */
  GQueue unwatched;       /* unowned: restored clients that are not yet in the epoll set */
  GQueue readable;        /* unowned: clients that may have unread bytes */
  GQueue dead;            /* unowned: dropped clients that are still in the table */
} WsClientSet;

/* Creates a client set whose context has no callbacks yet. @log, @table: (transfer full), even on
 * failure. The table must be empty, with a capacity of at least max_clients.
 * Returns: (transfer full) (nullable): the set, or NULL with a #GFileError. */
WsClientSet *ws_client_set_new (WsLog *log,
                                WsTable *table,
                                const WsEngineOptions *options,
                                GError **error);

/* Frees the set, and closes its open sockets without sending close frames. */
void ws_client_set_free (WsClientSet *set);

/* Adds a client, which receives the messages published from now on. @fd: (transfer full), even on
 * failure. Returns: (transfer none) (nullable): the client, or NULL with a #GFileError. */
WsClient *ws_client_set_add (WsClientSet *set, int fd, GError **error);

/* Adds a client taken over from another process. The new record is a copy of @record with the
 * socket @fd (transfer full). The table must not be full. To keep the hand-over short, does not add
 * the socket to the epoll set yet, but queues the client in set->unwatched; see
 * ws_client_set_watch(). Returns: (transfer none): the client. */
WsClient *ws_client_set_restore (WsClientSet *set, const WsRecord *record, int fd);

/* Arms the timer of a restored client: for the ping timeout if a ping is unanswered, otherwise for
 * the next ping. */
void ws_client_set_restore_ping (WsClientSet *set, WsClient *client);

/* Adds the socket of a restored client to the epoll set, and adjusts the send timeout of the socket
 * if needed. If the socket cannot be added, closes the connection with 1012. */
void ws_client_set_watch (WsClientSet *set, WsClient *client);

/* Removes the first client from @queue. Returns: (transfer none) (nullable): the client, or NULL if
 * the queue is empty. */
WsClient *ws_client_set_pop (GQueue *queue);

/* Replaces the log, and evicts clients whose cursor is before the tail of the new log.
 * @log: (transfer full): a copy of the current log; see ws_log_copy(). */
void ws_client_set_change_log (WsClientSet *set, WsLog *log);

/* Queues a close frame (1012) for the clients in slots @first and above; sends nothing. */
void ws_client_set_close_from (WsClientSet *set, guint first);

/* Arms the close timeout of @client, to expire at @deadline_us or in 5 s, whichever is earlier. */
void ws_client_set_time_close (WsClientSet *set, WsClient *client, gint64 deadline_us);

/* Sends the pending bytes. If that fails, drops @client; otherwise calls ws_client_set_settle(). */
void ws_client_set_send (WsClientSet *set, WsClient *client);

/* Sends control frames to @client, then drops it if the connection ended, or arms its timeouts. */
void ws_client_set_settle (WsClientSet *set, WsClient *client);

/* Queues @client in set->readable, to be read in the next main loop iteration. */
void ws_client_set_read_later (WsClientSet *set, WsClient *client);

/* Arms the timer for the next ping to @client: one interval after bytes were last received. */
void ws_client_set_arm_ping (WsClientSet *set, WsClient *client);

/* Closes the socket of @client. The client and its record remain until ws_client_set_reap(). */
void ws_client_set_drop (WsClientSet *set, WsClient *client);

/* Removes all dropped clients from the table, reports them, and frees them. WsEngineEvents.closed
 * may publish, and publishing may drop more clients: call this only between flush and next
 * iteration. */
void ws_client_set_reap (WsClientSet *set);

/* Sends the messages in the log to all clients. Returns after at most 4 ms; the next call then
 * continues the flush pass. */
void ws_client_set_flush (WsClientSet *set);

/* Returns: whether ws_client_set_flush() has more to send. */
gboolean ws_client_set_is_flush_pending (const WsClientSet *set);

/* Prepares an append of @size payload bytes: sends to the clients whose unsent bytes would be
 * overwritten, and evicts the clients whose sockets do not accept these bytes. */
void ws_client_set_make_room (WsClientSet *set, gsize size);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsClientSet, ws_client_set_free)
