/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-components.h"

G_BEGIN_DECLS

/* Converts the state of the service to a D-Bus value for the new worker, and back. */

/* Version of the hand-over format: packets, packet bodies and shared memory. */
#define RD_ESTATE_LAYOUT 1

/* Returns: (transfer floating): the data that the new worker needs before it takes over; type
 * a{sv}. */
GVariant *rd_estate_greet (RdComponents *parts);

/* Stops accepting clients and sending batches to Redis. rd_estate_is_settled() returns whether all
 * handshakes and batches in progress have finished. rd_estate_unsettle() resumes the service. */
void rd_estate_settle (RdComponents *parts);
gboolean rd_estate_is_settled (RdComponents *parts);
void rd_estate_unsettle (RdComponents *parts);

/* Freezes the settled service so that it can be packed: no client is served and no message is
 * published until rd_estate_thaw(). */
void rd_estate_freeze (RdComponents *parts);
void rd_estate_thaw (RdComponents *parts);

/* Packs the state of the frozen service. @clients: state of all clients (ws_engine_pack()).
 * Returns: (transfer floating): type a{sv}. */
GVariant *rd_estate_pack (RdComponents *parts, GVariant *clients);

/* Restores the state of the old worker into the new components @parts. @state: from
 * rd_estate_pack(). @handover: sockets and memory of the clients; this function sets its field
 * state and passes it to rd_manager_take_over(). @due_us: (out): see rd_notifier_new(). Returns:
 * TRUE, or FALSE with an error. */
gboolean rd_estate_unpack (RdComponents *parts,
                           GVariant *state,
                           WsHandover *handover,
                           gint64 *due_us,
                           GError **error);

G_END_DECLS
