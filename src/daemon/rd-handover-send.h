/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-parcel.h"
#include "rd-components.h"

G_BEGIN_DECLS

/* Sends the greeting and the listening sockets to the new worker. Returns: FALSE with an error. */
gboolean rd_handover_send_listeners (RdComponents *parts, RdParcel *parcel, GError **error);

/* Hands over the frozen @parts to the process at the other end of @parcel; blocks until that
 * process has taken over, for at most @timeout_us. Returns: FALSE with an error: thaw @parts. */
gboolean rd_handover_send (RdComponents *parts,
                           RdParcel *parcel,
                           gint64 timeout_us,
                           GError **error);

/* Stores the frozen @parts in the service manager; blocks until they are stored. Clients that
 * cannot be stored are closed with code 1012. Returns: FALSE with an error: thaw @parts. */
gboolean rd_handover_send_to_store (RdComponents *parts, GError **error);

G_END_DECLS
