/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-parcel.h"
#include "rd-components.h"

G_BEGIN_DECLS

/* Goes on with what another process did: with its ports, its clients, and all that it knew. */
typedef struct _RdSuccession RdSuccession;

/* Whether @environment names a parcel to this process, which was started for that; if so, takes it,
 * and the variable out of the environment of this process: call it before there are threads.
 * @succession: (out) (transfer full) (nullable). Returns: FALSE with an error. */
gboolean rd_succession_find (char **environment, RdSuccession **succession, GError **error);

/* @parcel: (transfer full). @is_stored: its sender has gone. Returns: (transfer full). */
RdSuccession *rd_succession_new (RdParcel *parcel, gboolean is_stored);
void rd_succession_free (RdSuccession *self);

/* Hears what has to be known before anything is made; again, if it was stored and this process ends
 * here. Returns: FALSE with an error. */
gboolean rd_succession_greet (RdSuccession *self, GError **error);

/* Returns: (transfer none): the name to go on under; (nullable). */
const char *rd_succession_get_node (const RdSuccession *self);

/* Returns: (element-type RdSocket) (transfer none): what the other process listens on. */
GPtrArray *rd_succession_get_offers (const RdSuccession *self);

/* Makes room for the clients, which go into @parts: before there are threads, as
 * rd_parcel_prepare() says. @parts: unowned from here on. Returns: FALSE with an error. */
gboolean rd_succession_prepare (RdSuccession *self, RdComponents *parts, GError **error);

/* Says that all is ready, and takes over into the parts, which listen; blocks for as long as the
 * other process does what it has to before, and then for no longer than it takes. From here on the
 * clients are ours. Returns: FALSE with an error: the other process goes on. */
gboolean rd_succession_take (RdSuccession *self, GError **error);

/* Serves: from here on clients can see us. The other process is told once they have. */
void rd_succession_begin (RdSuccession *self);

/* Tells the other process, if it is there, why nothing comes of it. */
void rd_succession_refuse (RdSuccession *self, const GError *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdSuccession, rd_succession_free)

G_END_DECLS
