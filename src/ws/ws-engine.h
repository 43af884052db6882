/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-handover.h"

/* The data plane: serves all clients in one thread, with one epoll set in one #GSource. */
typedef struct _WsEngine WsEngine;

typedef struct
{
  guint clients;
  guint64 published;          /* number of messages published */
  guint64 log_used;           /* size of the messages in the log, bytes */
  guint64 log_size;           /* capacity of the log, bytes */
  const WsCounters *counters; /* (transfer none) */
} WsEngineStats;

/* Creates an engine; attach it with ws_engine_attach(). @events: (transfer none): must outlive the
 * engine. Returns: (transfer full) (nullable): the engine, or NULL with a #GFileError. */
WsEngine *ws_engine_new (const WsEngineOptions *options,
                         const WsEngineEvents *events,
                         gpointer user_data,
                         GError **error);

/* Creates a paused engine that takes over the clients of a paused engine in another process. Until
 * the new engine is resumed, it sends and receives nothing and writes nothing to shared memory, so
 * that the other engine can still be resumed instead. @options: see ws_handover_unpack().
 * @handover: the result of ws_engine_pack(), with the descriptors that this process received. Sets
 * each descriptor of which it takes ownership to -1, whether it succeeds or fails.
 * Returns: (transfer full) (nullable): the engine, or NULL with a #GFileError. */
WsEngine *ws_engine_new_from (WsHandover *handover,
                              const WsEngineOptions *options,
                              const WsEngineEvents *events,
                              gpointer user_data,
                              GError **error);

/* Frees the engine and closes open sockets without a close frame. A connection whose socket is also
 * open in another process stays open. */
void ws_engine_free (WsEngine *engine);

/* Attaches the engine to @context (nullable: the default main context). */
void ws_engine_attach (WsEngine *engine, GMainContext *context);

/* Reports dropped clients, then stops reading, sending and timers. While the engine is paused, do
 * not publish, adopt, receive or close. Must not be called from a callback of the engine. */
void ws_engine_pause (WsEngine *engine);
void ws_engine_resume (WsEngine *engine);

/* Packs the state of a paused engine for another process. The engine keeps ownership of the
 * descriptors. Send WsHandover.sockets in array order. Returns: (transfer full). */
WsHandover *ws_engine_pack (WsEngine *engine);

/* Closes the clients in slots @first and above with 1012. Call this after ws_engine_pack() if their
 * sockets could not be handed over. Sends as many bytes as the sockets accept. The new worker
 * counts these clients as closed. */
void ws_engine_close_from (WsEngine *engine, guint first);

/* Returns: (transfer none): the client in @slot, which must be less than the number of clients. */
WsClient *ws_engine_get_client (const WsEngine *engine, guint slot);

/* Returns: (transfer none) (nullable): the client with @id. Takes linear time. */
WsClient *ws_engine_find_client (const WsEngine *engine, guint64 id);

/* Adds a client and sends it @response (nullable), the response to its opening handshake. The
 * client receives messages published from now on. @fd: (transfer full), even on failure: a
 * connected, non-blocking socket. Returns: (transfer none) (nullable): the client, or NULL with a
 * #GFileError and without a response. */
WsClient *ws_engine_adopt (WsEngine *engine, int fd, const char *response, GError **error);

/* Returns: TRUE if the number of clients is the maximum. A disconnected client counts until
 * WsEngineEvents.closed is called for it. */
gboolean ws_engine_is_full (const WsEngine *engine);

/* Returns: TRUE if, for each client, the unsent part of the log is at most half of the capacity,
 * both in bytes and in number of messages. */
gboolean ws_engine_has_room (const WsEngine *engine);

const WsEngineOptions *ws_engine_get_options (const WsEngine *engine);

/* Appends a message to the log; the next main loop iteration sends it to all clients.
 * @size: at most WsEngineOptions.max_message. Returns: the id of the message. */
WsId ws_engine_publish (WsEngine *engine, WsOpcode opcode, const guint8 *data, gsize size);

/* Begins the close handshake. The close frame follows all published messages; the handshake times
 * out after 5 s.
 * @code: a code that is valid in a frame. @reason: (nullable): UTF-8, truncated to 123 bytes. */
void ws_engine_close (WsEngine *engine, WsClient *client, guint16 code, const char *reason);
void ws_engine_close_all (WsEngine *engine, guint16 code, const char *reason);

/* Returns: the number of bytes in the log that have not been sent to @client yet. */
guint64 ws_engine_get_behind (const WsEngine *engine, const WsClient *client);

WsEngineStats ws_engine_get_stats (const WsEngine *engine);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsEngine, ws_engine_free)
