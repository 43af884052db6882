/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-parcel.h"
#include "rd-components.h"

G_BEGIN_DECLS

/* Tells the other process who speaks, and what is listened on. Returns: FALSE with an error. */
gboolean rd_handover_send_listeners (RdComponents *parts, RdParcel *parcel, GError **error);

/* Hands all over to the process at the other end, and blocks until it has it. @parts: frozen; they
 * are the other process's then. @timeout_us: for all of it. Returns: FALSE with an error: they may
 * go on, once the other process is told so. */
gboolean rd_handover_send (RdComponents *parts,
                           RdParcel *parcel,
                           gint64 timeout_us,
                           GError **error);

/* Leaves all in the service manager's store, and blocks until it is there. Clients that do not fit
 * in are told to come again, 1012. @parts: frozen. Returns: FALSE with an error: they may go on. */
gboolean rd_handover_send_to_store (RdComponents *parts, GError **error);

G_END_DECLS
