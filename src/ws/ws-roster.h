/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-client.h"

G_BEGIN_DECLS

/* All clients of an engine: who they are, what they wait for, and how they go. Its fields are for
 * the engine and the flusher. */
typedef struct
{
  WsContext context;  /* what the clients share */
  WsLog *log;         /* owned */
  WsTable *table;     /* owned */
  WsClient **clients; /* slot of the table -> WsClient; array and clients owned */
  WsWheel *wheel;     /* owned: the clients' timers */
  int epoll_fd;       /* owned: the clients' sockets; the events bear the WsClient */
  GQueue readable;    /* WsClient, unowned: have more to read */
  GQueue dead;        /* WsClient, unowned: dropped, and not removed yet */
} WsRoster;

/* @tick_us: how exact timers are. Returns: (transfer full): without clients, and with a context
 * that still lacks its callback; NULL with a #GFileError. */
WsRoster *ws_roster_new (gsize log_size, guint max_clients, gint64 tick_us, GError **error);

/* Closes what is still open, without a close frame. */
void ws_roster_free (WsRoster *roster);

/* Enters a client that has seen what was published until now. @fd: (transfer full), also on
 * failure.
 * @patience_us: see ws_socket_tune(). Returns: (transfer none): NULL with a #GFileError. */
WsClient *ws_roster_enter (WsRoster *roster, int fd, gint64 patience_us, GError **error);

/* Sends what waits for @client, whatever it is, and settles it. */
void ws_roster_send (WsRoster *roster, WsClient *client);

/* Carries out what a change of @client asks for: sends control frames, ends or times the close. */
void ws_roster_settle (WsRoster *roster, WsClient *client);

/* Queues @client with those who have more to read. */
void ws_roster_read_later (WsRoster *roster, WsClient *client);

/* Ends a connection. Record and memory stay until ws_roster_remove(), as others may be looking. */
void ws_roster_drop (WsRoster *roster, WsClient *client);

/* Frees a dropped client that is in no queue any more; the last one of the table moves into its
 * place. Returns: the slot where that is. */
guint ws_roster_remove (WsRoster *roster, WsClient *client);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsRoster, ws_roster_free)

G_END_DECLS
