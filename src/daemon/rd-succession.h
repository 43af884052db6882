/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-parcel.h"
#include "rd-components.h"

G_BEGIN_DECLS

/* Takes over the ports, the clients and the state of an old worker. */
typedef struct _RdSuccession RdSuccession;

/* Opens the hand-over channel that the environment variable %RD_SUCCESSOR_VARIABLE names, and
 * unsets the variable. Call it before threads start (setenv(3)). @succession: (out) (transfer full)
 * (nullable): NULL if the variable is not set. Returns: TRUE, or FALSE with an error. */
gboolean rd_succession_find (char **environment, RdSuccession **succession, GError **error);

/* @parcel: (transfer full): hand-over channel. @is_stored: whether the old worker stored the
 * channel in the service manager and exited. Returns: (transfer full). */
RdSuccession *rd_succession_new (RdParcel *parcel, gboolean is_stored);
void rd_succession_free (RdSuccession *self);

/* Receives the greeting of the old worker, before any component exists. A greeting from a stored
 * channel stays in the channel for the next start. Returns: TRUE, or FALSE with an error. */
gboolean rd_succession_greet (RdSuccession *self, GError **error);

/* Returns: (transfer none) (nullable): node id of the old worker. */
const char *rd_succession_get_node (const RdSuccession *self);

/* Returns: (element-type RdSocket) (transfer none): listening sockets of the old worker. */
GPtrArray *rd_succession_get_offers (const RdSuccession *self);

/* Prepares @parts for the clients of the old worker. Call it before threads start (see
 * rd_parcel_prepare()). @parts: (transfer none): must outlive @self. Returns: TRUE, or FALSE with
 * an error. */
gboolean rd_succession_prepare (RdSuccession *self, RdComponents *parts, GError **error);

/* Sends READY and takes over the clients into the prepared components, which must be listening;
 * blocks until done. Returns: TRUE, or FALSE with an error; the old worker then keeps its
 * clients. */
gboolean rd_succession_take (RdSuccession *self, GError **error);

/* Starts serving the clients; notifies the old worker when they are served. */
void rd_succession_begin (RdSuccession *self);

/* Sends @error to the old worker, if it is still running, as the reason for a failed hand-over. */
void rd_succession_refuse (RdSuccession *self, const GError *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdSuccession, rd_succession_free)

G_END_DECLS
