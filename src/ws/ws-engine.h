/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-handover.h"

G_BEGIN_DECLS

/* The data plane: all clients in one epoll set, which is one #GSource. One thread. */
typedef struct _WsEngine WsEngine;

typedef struct
{
  gsize log_size;          /* bytes */
  gsize max_message;       /* bytes; at most an eighth of the log */
  guint max_clients;       /* at the same time */
  gint64 ping_interval_us; /* a client silent for so long is pinged; 0: never */
  gint64 ping_timeout_us;  /* then closed if it stays silent */
} WsEngineOptions;

/* What the engine tells. Each may call back into it. */
typedef struct
{
  /* A whole text or binary message came in; @data is valid during the call. */
  void (*message) (WsClient *client,
                   WsOpcode opcode,
                   const guint8 *data,
                   gsize size,
                   gpointer user_data);

  /* The connection is over; @client is freed after this. Told at the end of a turn, never from
   * within a call into the engine. @code: that of the first close frame, sent
   * or received; %WS_CLOSE_ABNORMAL where there was none. */
  void (*closed) (WsClient *client, guint16 code, gpointer user_data);
} WsEngineEvents;

typedef struct
{
  guint clients;
  guint64 published;          /* messages */
  guint64 log_used;           /* bytes */
  guint64 log_size;           /* bytes */
  guint64 flush_passes;       /* over all clients */
  gint64 flush_us;            /* spent in them */
  const WsCounters *counters; /* (transfer none) */
} WsEngineStats;

/* @events: (transfer none), outlives the engine. Returns: (transfer full): the engine, not attached
 * yet, or NULL with a #GFileError. */
WsEngine *ws_engine_new (const WsEngineOptions *options,
                         const WsEngineEvents *events,
                         gpointer user_data,
                         GError **error);

/* Goes on with the clients of another engine, that of another process: see ws_engine_pause(). The
 * options are its own, and hold for the clients from now on; see ws_handover_unpack() for those who
 * do not fit. Until it is attached nothing is sent or received, and nothing is changed that the
 * other engine could go on with.
 * @handover: what ws_engine_pack() made, with descriptors of this process; those it takes are -1
 * then, also on failure. Returns: (transfer full): NULL with a #GFileError. */
WsEngine *ws_engine_new_from (WsHandover *handover,
                              const WsEngineOptions *options,
                              const WsEngineEvents *events,
                              gpointer user_data,
                              GError **error);

/* Closes what is still open, without a close frame. Sockets that another process has by now stay
 * open there. */
void ws_engine_free (WsEngine *engine);

/* Serves the clients in @context from now on; NULL: the default one. */
void ws_engine_attach (WsEngine *engine, GMainContext *context);

/* Stops all: no byte is read or sent, no timer fires. Who was dropped before is told of first.
 * While the engine is paused nothing may be published, adopted, received or closed. Not from within
 * a callback of its own. */
void ws_engine_pause (WsEngine *engine);

/* Goes on as if nothing had been. */
void ws_engine_resume (WsEngine *engine);

/* Writes down, while it is paused, all that another process needs to go on: the descriptors remain
 * the engine's, and have to reach that process in this order. Returns: (transfer full). */
WsHandover *ws_engine_pack (WsEngine *engine);

/* Takes leave, while it is paused and packed, of those clients whose sockets could not be handed
 * over, slot @first and all behind it: each is sent what its socket takes, 1012 last. Who goes on
 * with the others counts them; this engine is of no more use. */
void ws_engine_leave_behind (WsEngine *engine, guint first);

/* Returns: (transfer none): the client in @slot, of as many as the stats tell. */
WsClient *ws_engine_get_client (const WsEngine *engine, guint slot);

/* Takes a connected, non-blocking TCP socket whose opening handshake is done. It sees what is
 * published from now on.
 * @fd: (transfer full), also on failure. Returns: (transfer none): NULL with a #GFileError. */
WsClient *ws_engine_adopt (WsEngine *engine, int fd, GError **error);

/* Works on bytes that came from @client by another way than its socket; unmasked in place. */
void ws_engine_receive (WsEngine *engine, WsClient *client, guint8 *data, gsize size);

/* Whether there is no room for another client beside @expected ones. A client that has left takes
 * its place until the end of the turn. */
gboolean ws_engine_is_full (const WsEngine *engine, guint expected);

/* Returns: (transfer none): what it was made with. */
const WsEngineOptions *ws_engine_get_options (const WsEngine *engine);

/* Sends a message to every client: appends it to the log, and flushes before the main loop sleeps.
 * @size: at most the largest message. Returns: its id. */
WsId ws_engine_publish (WsEngine *engine, WsOpcode opcode, const guint8 *data, gsize size);

/* Begins the close handshake, behind all that was published; it is cut short after 5 s.
 * @code: one that may stand in a close frame; @reason: nullable, UTF-8, cut at 123 bytes. */
void ws_engine_close (WsEngine *engine, WsClient *client, guint16 code, const char *reason);
void ws_engine_close_all (WsEngine *engine, guint16 code, const char *reason);

/* How many bytes of the log a client has not been sent. */
guint64 ws_engine_get_behind (const WsEngine *engine, const WsClient *client);

void ws_engine_get_stats (const WsEngine *engine, WsEngineStats *stats);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsEngine, ws_engine_free)

G_END_DECLS
