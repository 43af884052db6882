/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-socket.h"

G_BEGIN_DECLS

#define RD_BINDING_BACKLOG 4096 /* connections that may wait at a socket, listen(2) */

/* The listening sockets of a port. */
typedef struct _RdBinding RdBinding;

typedef struct
{
  const char *const *addresses; /* IP addresses or host names */
  guint port;                   /* 0: any free one, the same for all */
  gboolean reuse_port;          /* share it with other workers (SO_REUSEPORT, socket(7)) */
  RdRole role;
  GPtrArray *offers; /* RdSocket, unowned, nullable: what a predecessor has bound itself */
} RdBindingOptions;

/* Listens on every address that is asked for; of those that a name stands for one must work, all
 * others must.
 *
 * Where a predecessor listens on the very address and port, for whatever role, its socket is taken
 * from the offers, with the connections that wait there. Where any free port is asked for, as of
 * the predecessor, its port is tried first. A new address that includes one of the predecessor's,
 * or is included, is bound beside it, which takes that both are of one user; sockets that the new
 * address includes are taken too. Connections to a new address wait from now on, and are reset if
 * this process ends without having accepted them.
 *
 * Returns: (transfer full): NULL with an error that names address and port, and the offers as they
 * were. */
RdBinding *rd_binding_new (const RdBindingOptions *options, GError **error);

/* @sockets: (element-type GSocket): of TCP, and they listen; who has passed them to us may hold
 * them too. Returns: (transfer full): NULL with an error. */
RdBinding *rd_binding_new_inherited (GPtrArray *sockets, RdRole role, GError **error);
void rd_binding_free (RdBinding *self);

gboolean rd_binding_is_inherited (const RdBinding *self);

/* Lets other workers in, if that is configured, also where the predecessor did not. */
void rd_binding_share (RdBinding *self);

/* Closes the sockets. */
void rd_binding_close (RdBinding *self);

/* Listens again where it did. Returns: FALSE with an error, and nothing changed, if that cannot be:
 * another program may have taken a port. */
gboolean rd_binding_reopen (RdBinding *self, GError **error);

/* Returns: (transfer none) (element-type RdSocket): what listens now; none while closed. */
GPtrArray *rd_binding_get_sockets (RdBinding *self);

/* Returns: (transfer full): "127.0.0.1:8000", "[::1]:8000": what is asked for, closed or not. */
char **rd_binding_dup_addresses (RdBinding *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdBinding, rd_binding_free)

G_END_DECLS
