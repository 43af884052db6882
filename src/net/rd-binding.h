/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-socket.h"

#define RD_BINDING_BACKLOG 4096 /* maximum number of pending connections per socket (listen(2)) */

/* The listening sockets of a port. */
typedef struct _RdBinding RdBinding;

typedef struct
{
  const char *const *addresses; /* IP addresses or host names */
  guint port;                   /* 0: any free port, the same on all addresses */
  gboolean reuse_port;          /* share the port with other nodes (SO_REUSEPORT, socket(7)) */
  RdRole role;
  GPtrArray *inherited; /* GSocket, nullable: listening sockets passed by the service manager; if
                         * not empty, addresses, port and reuse_port are ignored */
  GPtrArray *offers;    /* RdSocket, nullable: listening sockets that the old worker offers */
} RdBindingOptions;

/* Listens on all addresses. Fails if an IP address cannot be used, if no address of a host name can
 * be used, or if another program uses the port on one of the addresses.
 *
 * For each address, uses the offered socket with this address and port, including its backlog; if
 * there is none, binds a new socket. An offered socket is used whatever its RdRole is. For port 0,
 * first tries the port of the old worker. If a new socket overlaps with an offered socket
 * (rd_socket_is_overlapping()), both must belong to the same user. If a new socket is a wildcard
 * socket, the binding also uses the offered sockets that overlap with that socket. Connections to
 * a new socket wait in its backlog from now on; they are reset if this process exits without
 * accepting them.
 *
 * Returns: (transfer full) (nullable): the binding, or NULL with an error that names address and
 * port. On success, the used sockets are removed from @options->offers. */
RdBinding *rd_binding_new (const RdBindingOptions *options, GError **error);
void rd_binding_free (RdBinding *self);

gboolean rd_binding_is_inherited (const RdBinding *self);

/* If reuse_port is set, sets SO_REUSEPORT on all sockets; the old worker may not have set it. */
void rd_binding_share (RdBinding *self);

/* Closes the listening sockets. */
void rd_binding_close (RdBinding *self);

/* Listens again on the addresses and ports of the closed sockets. Returns: TRUE, or FALSE with an
 * error, for example because another program now uses a port. On failure, @self is unchanged. */
gboolean rd_binding_reopen (RdBinding *self, GError **error);

/* Returns: (transfer none) (element-type RdSocket): the sockets; empty after rd_binding_close(). */
GPtrArray *rd_binding_get_sockets (RdBinding *self);

/* Returns: (transfer full): addresses such as "127.0.0.1:8000", even after rd_binding_close(). */
char **rd_binding_dup_addresses (RdBinding *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdBinding, rd_binding_free)
