/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-client.h"

G_BEGIN_DECLS

typedef struct
{
  gsize max_message;  /* bytes */
  guint max_clients;  /* at the same time; from another process more may come */
  gint64 tick_us;     /* how exact timers are */
  gint64 patience_us; /* with a client's socket: see ws_socket_set_patience() */
} WsRosterOptions;

/* All clients of an engine: who they are, what they wait for, and how they go. Its fields are for
 * the engine and the flusher. */
typedef struct
{
  WsRosterOptions options;
  WsContext context;  /* what the clients share */
  WsLog *log;         /* owned */
  WsTable *table;     /* owned */
  WsClient **clients; /* slot of the table -> WsClient; array and clients owned */
  WsWheel *wheel;     /* owned: the clients' timers */
  int epoll_fd;       /* owned: the clients' sockets; the events bear the WsClient */
  gboolean retunes;   /* clients from another process have sockets of another patience */
  GQueue unwatched;   /* WsClient, unowned: came from another process, not in the epoll set yet */
  GQueue readable;    /* WsClient, unowned: have more to read */
  GQueue dead;        /* WsClient, unowned: dropped, and not removed yet */
} WsRoster;

/* @log, @table: (transfer full), also on failure; the table is empty, with room for max_clients.
 * Returns: (transfer full): with a context that still lacks its callback; NULL with a #GFileError.
 */
WsRoster *ws_roster_new (WsLog *log,
                         WsTable *table,
                         const WsRosterOptions *options,
                         GError **error);

/* Closes what is still open, without a close frame. */
void ws_roster_free (WsRoster *roster);

/* Enters a client that has seen what was published until now.
 * @fd: (transfer full), also on failure. Returns: (transfer none): NULL with a #GFileError. */
WsClient *ws_roster_enter (WsRoster *roster, int fd, GError **error);

/* Enters a client that comes from another process, with a copy of its record, for which there is
 * room. Its socket is not touched, nor watched yet, as that would take longer than all else
 * together: @client is queued for that, and can be sent to meanwhile.
 * @fd: (transfer full). Returns: (transfer none). */
WsClient *ws_roster_reenter (WsRoster *roster, const WsRecord *record, int fd);

/* Returns: (transfer none) (nullable): the first in @queue of a roster, which it leaves. */
WsClient *ws_roster_next (GQueue *queue);

/* Watches the socket of a client that was entered so, and tunes it, now that the other process has
 * let go of it; one that cannot be watched is closed with 1012. */
void ws_roster_watch (WsRoster *roster, WsClient *client);

/* Goes over to another log, which has the newest of the same messages. Clients that are farther
 * behind are evicted: see ws_client_evict(). @log: (transfer full). */
void ws_roster_change_log (WsRoster *roster, WsLog *log);

/* Begins the close handshake with the clients in slot @first and behind it, with 1012; sends
 * nothing yet. */
void ws_roster_close_from (WsRoster *roster, guint first);

/* Gives @client's close handshake time until @deadline_us, but never more than 5 s from now. */
void ws_roster_time_close (WsRoster *roster, WsClient *client, gint64 deadline_us);

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
