/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-parcel.h"
#include "rd-components.h"

G_BEGIN_DECLS

/* Sends the greeting and the listening sockets to the new worker. Returns: TRUE, or FALSE with an
 * error. */
gboolean rd_handover_send_listeners (RdComponents *parts, RdParcel *parcel, GError **error);

/* Hands over the frozen @parts to the process at the other end of @parcel; blocks for up to
 * @timeout_us, until that process has taken over. Returns: TRUE, or FALSE with an error; then call
 * rd_estate_thaw(). */
gboolean rd_handover_send (RdComponents *parts,
                           RdParcel *parcel,
                           gint64 timeout_us,
                           GError **error);

/* Sends the connections that wait for their request, after rd_handover_send(). Those that cannot be
 * sent are closed. */
void rd_handover_send_waiting (RdComponents *parts, RdParcel *parcel);

/* Stores the frozen @parts in the service manager; blocks. Disconnects clients that cannot be
 * stored (close code 1012). Returns: TRUE, or FALSE with an error; then call rd_estate_thaw(). */
gboolean rd_handover_send_to_store (RdComponents *parts, GError **error);

G_END_DECLS
