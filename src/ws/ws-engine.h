/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-handover.h"

/* The data plane: serves all clients with one epoll set, which is one #GSource in one thread. */
typedef struct _WsEngine WsEngine;

typedef struct
{
  guint clients;
  guint64 published;          /* messages */
  guint64 log_used;           /* bytes */
  guint64 log_size;           /* bytes */
  const WsCounters *counters; /* (transfer none) */
} WsEngineStats;

/* @events: (transfer none), outlives the engine. Returns: (transfer full): the engine, not attached
 * yet, or NULL with a #GFileError. */
WsEngine *ws_engine_new (const WsEngineOptions *options,
                         const WsEngineEvents *events,
                         gpointer user_data,
                         GError **error);

/* Makes a paused engine with the clients of an engine in another process, which is paused, too.
 * Until it is resumed, it sends and receives nothing and writes nothing to shared memory, so that
 * the other engine can still be resumed instead. The clients get @options; see
 * ws_handover_unpack().
 * @handover: the result of ws_engine_pack() with descriptors of this process; the engine takes
 * descriptors, also on failure, and sets them to -1. Returns: (transfer full): NULL with a
 * #GFileError. */
WsEngine *ws_engine_new_from (WsHandover *handover,
                              const WsEngineOptions *options,
                              const WsEngineEvents *events,
                              gpointer user_data,
                              GError **error);

/* Frees the engine and closes open sockets without a close frame. Sockets that another process has
 * stay open there. */
void ws_engine_free (WsEngine *engine);

/* Attaches the engine to @context; NULL: the default context. */
void ws_engine_attach (WsEngine *engine, GMainContext *context);

/* Stops all reading, sending and timers, after reporting dropped clients. While paused, do not
 * publish, adopt, receive or close. Must not be called from a callback of the engine. */
void ws_engine_pause (WsEngine *engine);
void ws_engine_resume (WsEngine *engine);

/* Packs the state of a paused engine for another process. The descriptors stay owned by the engine
 * and must reach the other process in the same order. Returns: (transfer full). */
WsHandover *ws_engine_pack (WsEngine *engine);

/* Closes clients of a packed engine whose sockets could not be handed over, with 1012: slot @first
 * and above. Sends what the sockets take. The new worker counts them as closed. */
void ws_engine_close_from (WsEngine *engine, guint first);

/* Returns: (transfer none): the client in @slot, which is less than the number of clients. */
WsClient *ws_engine_get_client (const WsEngine *engine, guint slot);

/* Returns: (transfer none) (nullable): the client with @id. Cost: linear, newest clients first. */
WsClient *ws_engine_find_client (const WsEngine *engine, guint64 id);

/* Adds a client after its opening handshake; it gets messages published from now on.
 * @fd: (transfer full), also on failure: a connected, non-blocking socket. Returns: (transfer
 * none): NULL with a #GFileError. */
WsClient *ws_engine_adopt (WsEngine *engine, int fd, GError **error);

/* Handles bytes of @client that were read from its socket elsewhere; unmasked in place. */
void ws_engine_receive (WsEngine *engine, WsClient *client, guint8 *data, gsize size);

/* Whether there is no room for one more client in addition to @expected ones. A client that has
 * left counts until it is reported as closed. */
gboolean ws_engine_is_full (const WsEngine *engine, guint expected);

/* Whether each client has been sent enough to leave half the log free, in bytes and in messages. */
gboolean ws_engine_has_room (const WsEngine *engine);

/* Returns: (transfer none): the options. */
const WsEngineOptions *ws_engine_get_options (const WsEngine *engine);

/* Appends a message to the log, which is sent to all clients in the next turn.
 * @size: at most the largest message. Returns: the id of the message. */
WsId ws_engine_publish (WsEngine *engine, WsOpcode opcode, const guint8 *data, gsize size);

/* Begins the close handshake after all published messages; it times out after 5 s.
 * @code: a code that is valid in a frame; @reason: nullable, UTF-8, truncated to 123 bytes. */
void ws_engine_close (WsEngine *engine, WsClient *client, guint16 code, const char *reason);
void ws_engine_close_all (WsEngine *engine, guint16 code, const char *reason);

/* Returns: the number of bytes in the log that @client has still to be sent. */
guint64 ws_engine_get_behind (const WsEngine *engine, const WsClient *client);

WsEngineStats ws_engine_get_stats (const WsEngine *engine);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsEngine, ws_engine_free)
