/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-bus.h"
#include "ws-engine.h"

/* Manages the clients of this process.
 *
 * Signal "message" (RdMessage *): a message from a client; valid during the emission.
 * Signal "client-connected" (const WsClient *): a new client; valid during the emission.
 * Signal "client-disconnected" (guint64 id, guint close_code, guint how): @how is an #RdDeparture.
 * Signal "connections-changed": the number of clients has changed. */
#define RD_TYPE_MANAGER (rd_manager_get_type ())
G_DECLARE_FINAL_TYPE (RdManager, rd_manager, RD, MANAGER, GObject)

typedef enum
{
  RD_DEPARTURE_LEFT,   /* the client closed the connection, disappeared, or violated the protocol */
  RD_DEPARTURE_CLOSED, /* the server closed the connection, and the client replied */
  RD_DEPARTURE_FORCED, /* the server closed the connection, and the client did not reply in time */
  RD_DEPARTURE_N,
} RdDeparture;

/* Returns: (transfer full) (nullable): the manager, or NULL with a #GFileError. */
RdManager *rd_manager_new (const WsEngineOptions *options, GError **error);

/* Returns: (transfer none): the engine that serves the clients; valid until
 * rd_manager_take_over(). */
WsEngine *rd_manager_get_engine (RdManager *self);

/* Adds a client and sends it @response (nullable), the response to its opening handshake.
 * @fd: (transfer full), even on failure: the client's socket. Returns: TRUE, or FALSE with a
 * #GFileError. */
gboolean rd_manager_admit (RdManager *self, int fd, const char *response, GError **error);

/* Sends @message to all clients and sets its id. Its size must not exceed option max_message. */
void rd_manager_broadcast (RdManager *self, RdMessage *message);

guint rd_manager_get_connections (RdManager *self);

/* Returns: (element-type WsClient) (transfer container): all clients, oldest first. The clients are
 * valid until control returns to the main loop. */
GPtrArray *rd_manager_list (RdManager *self);

/* Returns: (transfer floating): the newest @max clients, oldest first; type aa{sv}, as the D-Bus
 * method ListClients returns them. */
GVariant *rd_manager_to_variant (RdManager *self, guint max);

/* Returns: (transfer full): the remote address of @client: "127.0.0.1:40000", "[::1]:40000" or
 * "unknown". */
char *rd_client_dup_remote (const WsClient *client);

/* Begins the close handshake with client @id.
 * Returns: TRUE, or FALSE with an error: %RD_ERROR_NOT_FOUND if there is no such client, or
 * %RD_ERROR_INVALID_ARGUMENT if @reason is too long or a server must not send @code (RFC 6455
 * §7.4). */
gboolean rd_manager_close (RdManager *self,
                           guint64 id,
                           guint16 code,
                           const char *reason,
                           GError **error);

/* Takes over the clients of another process. The clients keep their ids. This manager must have no
 * clients yet. Its engine is then paused; until it is resumed, the other process can still resume
 * its own engine. Does not emit "client-connected". @handover: see ws_engine_new_from().
 * Returns: TRUE, or FALSE with a #GFileError; on failure, the manager does not change. */
gboolean rd_manager_take_over (RdManager *self, WsHandover *handover, GError **error);
