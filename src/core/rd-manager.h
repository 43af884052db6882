/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-bus.h"
#include "ws-engine.h"

G_BEGIN_DECLS

/* Knows every client of this process.
 *
 * Signals: "message" (RdMessage *): a client sent one; valid during the emission.
 * "client-connected" (guint64 id). "client-disconnected" (guint64 id, guint code, guint how): an
 * #RdDeparture. Property "connections". */
#define RD_TYPE_MANAGER (rd_manager_get_type ())
G_DECLARE_FINAL_TYPE (RdManager, rd_manager, RD, MANAGER, GObject)

typedef enum
{
  RD_DEPARTURE_LEFT,   /* the client closed, vanished, or broke the rules */
  RD_DEPARTURE_CLOSED, /* we closed, and it agreed */
  RD_DEPARTURE_FORCED, /* we closed, and it did not answer */
} RdDeparture;

typedef struct
{
  guint64 id;
  char *remote;        /* owned: "127.0.0.1:40000", "[::1]:40000" */
  gint64 connected_us; /* since 1970 */
  guint64 received;    /* bytes */
  guint64 sent;        /* bytes */
  guint64 behind;      /* bytes it has still to be sent */
} RdClientInfo;

/* Returns: (transfer full): NULL with a #GFileError where memory or descriptors are short. */
RdManager *rd_manager_new (const WsEngineOptions *options, GError **error);

/* Whether there is no room for another client beside @expected ones. */
gboolean rd_manager_is_full (RdManager *self, guint expected);

/* How long a message may be, bytes. */
gsize rd_manager_get_max_message (RdManager *self);

/* Takes a client whose opening handshake is done.
 * @fd: (transfer full), also on failure. @early: what it sent behind its handshake; overwritten. */
gboolean rd_manager_admit (RdManager *self, int fd, guint8 *early, gsize size, GError **error);

/* Sends a message, not too long, to all clients and gives it its id. */
void rd_manager_broadcast (RdManager *self, RdMessage *message);

/* Whether every client has taken in most of what it was sent: none is half a log behind. */
gboolean rd_manager_has_room (RdManager *self);

guint rd_manager_get_connections (RdManager *self);

/* Returns: (element-type RdClientInfo) (transfer full): all clients, oldest first. */
GArray *rd_manager_list (RdManager *self);

/* Returns: (transfer full): where client @id connects from, or NULL if there is none. */
char *rd_manager_dup_remote (RdManager *self, guint64 id);

/* Begins the close handshake with one client, or all. @code: one that RFC 6455 §7.4 lets a server
 * send, else %RD_ERROR_INVALID_ARGUMENT; no such client: %RD_ERROR_NOT_FOUND. */
gboolean rd_manager_close (RdManager *self,
                           guint64 id,
                           guint16 code,
                           const char *reason,
                           GError **error);
void rd_manager_close_all (RdManager *self, guint16 code, const char *reason);

void rd_manager_get_stats (RdManager *self, WsEngineStats *stats);

/* Stops serving, and goes on as if nothing had been: see ws_engine_pause(). In between nothing may
 * be broadcast, and nobody admitted or closed. */
void rd_manager_pause (RdManager *self);
void rd_manager_resume (RdManager *self);

/* Writes down, while it is paused, all that another process needs to go on with the clients: see
 * ws_engine_pack(). Returns: (transfer full). */
WsHandover *rd_manager_pack (RdManager *self);

/* Takes leave, while it is paused and packed, of client @first in the order of the sockets packed
 * and of all behind it: see ws_engine_leave_behind(). */
void rd_manager_leave_behind (RdManager *self, guint first);

/* Goes on with the clients of another process, which keep their ids, in place of none: is paused
 * then, and up to rd_manager_resume() the other process can still go on itself. Nobody is told as
 * having connected. @handover: see ws_engine_new_from(). Returns: FALSE with a #GFileError: then
 * nothing has changed. */
gboolean rd_manager_take_over (RdManager *self, WsHandover *handover, GError **error);

G_END_DECLS
