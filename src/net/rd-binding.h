/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-socket.h"

#define RD_BINDING_BACKLOG 4096 /* connections waiting at a socket, listen(2) */

/* The listening sockets of a port. */
typedef struct _RdBinding RdBinding;

typedef struct
{
  const char *const *addresses; /* IP addresses or host names */
  guint port;                   /* 0: any free port, the same on all addresses */
  gboolean reuse_port;          /* shares the port with other nodes (SO_REUSEPORT, socket(7)) */
  RdRole role;
  GPtrArray *inherited; /* GSocket, nullable: listening sockets of the service manager; if there
                         * are any, addresses, port and reuse_port are ignored */
  GPtrArray *offers;    /* RdSocket, nullable: sockets bound by the old worker */
} RdBindingOptions;

/* Listens on all addresses. Every IP address must work; of a host name's addresses at least one
 * must, and none may be in use.
 *
 * An offer with the same address and port is used instead of a new socket, whatever its role, along
 * with the connections in its backlog. For port 0, the port chosen by the old worker is tried
 * first. A new address that overlaps with an offer (rd_socket_is_overlapping()) is bound next to
 * the offer, which requires that both sockets belong to the same user. If the new address is the
 * wildcard address, the overlapping offers are used as well. Connections to new addresses wait in
 * the backlog from now on, and are reset if this process exits without accepting them.
 *
 * Returns: (transfer full): the binding, with the used offers removed from @options->offers; NULL
 * with an error that names address and port, and the offers unchanged. */
RdBinding *rd_binding_new (const RdBindingOptions *options, GError **error);
void rd_binding_free (RdBinding *self);

gboolean rd_binding_is_inherited (const RdBinding *self);

/* Sets SO_REUSEPORT, if configured, on sockets of the old worker that do not have it. */
void rd_binding_share (RdBinding *self);

/* Closes the sockets. */
void rd_binding_close (RdBinding *self);

/* Listens on the same addresses and ports again. Returns FALSE with an error, and leaves @self
 * unchanged, if that fails, for example because another program uses a port now. */
gboolean rd_binding_reopen (RdBinding *self, GError **error);

/* Returns: (transfer none) (element-type RdSocket): the listening sockets; empty while closed. */
GPtrArray *rd_binding_get_sockets (RdBinding *self);

/* Returns: (transfer full): the addresses, closed or not: "127.0.0.1:8000", "[::1]:8000". */
char **rd_binding_dup_addresses (RdBinding *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdBinding, rd_binding_free)
