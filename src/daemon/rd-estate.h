/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-components.h"

G_BEGIN_DECLS

/* What one process leaves to the next: the clients, and all else that the service knows. */

/* The version of all that is packed: the packets, their bodies, the memory they pass on. */
#define RD_ESTATE_LAYOUT 1

/* Returns: (transfer floating): an a{sv}: what a successor has to know before it can get ready. */
GVariant *rd_estate_greet (RdComponents *parts);

/* Begins nothing new that other processes would have to answer, handshakes or batches for Redis;
 * whether none is under way any more; and does so again. */
void rd_estate_settle (RdComponents *parts);
gboolean rd_estate_is_settled (RdComponents *parts);
void rd_estate_unsettle (RdComponents *parts);

/* Stops the service, which has settled, so that it can be packed: nobody is served,
 * nothing is published. Then has it go on as if nothing had been. */
void rd_estate_freeze (RdComponents *parts);
void rd_estate_thaw (RdComponents *parts);

/* Writes down, while it is frozen, all that is no client. Returns: (transfer floating): an a{sv}.
 */
GVariant *rd_estate_pack (RdComponents *parts, GVariant *clients);

/* Enters into new @parts what another process has packed. @state: of rd_estate_pack().
 * @handover: the clients', whose state is set from @state; see rd_manager_take_over().
 * @due_us: (out): see rd_notifier_new(). Returns: FALSE with an error: the parts are of no use
 * then. */
gboolean rd_estate_unpack (RdComponents *parts,
                           GVariant *state,
                           WsHandover *handover,
                           gint64 *due_us,
                           GError **error);

G_END_DECLS
