/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Which port a listening socket is of. */
typedef enum
{
  RD_ROLE_CLIENTS,
  RD_ROLE_ADMIN,
} RdRole;

/* A listening socket, and what a process that takes it over has to know of it. */
typedef struct
{
  GSocket *socket;         /* owned */
  GSocketAddress *address; /* owned: that it is bound to */
  RdRole role;
  guint asked_port;      /* as configured: 0 for any free one */
  gboolean is_inherited; /* the service manager has it too */
} RdSocket;

/* @socket: (transfer none): of TCP, and it listens. Returns: (transfer full): NULL with an error.
 */
RdSocket *rd_socket_new (GSocket *socket,
                         RdRole role,
                         guint asked_port,
                         gboolean is_inherited,
                         GError **error);

/* Returns: (transfer full): another that shares the socket. */
RdSocket *rd_socket_copy (const RdSocket *self);

/* Lets go of the socket, which is closed with its last reference. */
void rd_socket_free (RdSocket *self);

/* Whether it is bound to exactly @address. */
gboolean rd_socket_is_at (const RdSocket *self, GSocketAddress *address);

/* Whether its address includes @address, or the other way round: the same port, and one is "any" of
 * the family of both. */
gboolean rd_socket_overlaps (const RdSocket *self, GSocketAddress *address);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdSocket, rd_socket_free)

G_END_DECLS
