/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A listening socket with what the kernel does not know of it: what it is for, and how it was asked
 * for. Neither binds it nor accepts from it, and changes nothing about it, as other processes may
 * have it too. */

#include "rd-socket.h"

RdSocket *
rd_socket_new (GSocket *socket,
               RdRole role,
               guint asked_port,
               gboolean is_inherited,
               GError **error)
{
  GSocketAddress *address = g_socket_get_local_address (socket, error);
  RdSocket *self;

  if (address == NULL)
    return NULL;

  self = g_new0 (RdSocket, 1);
  self->socket = g_object_ref (socket);
  self->address = address;
  self->role = role;
  self->asked_port = asked_port;
  self->is_inherited = is_inherited;
  return self;
}

RdSocket *
rd_socket_copy (const RdSocket *self)
{
  RdSocket *copy = g_memdup2 (self, sizeof *self);

  g_object_ref (copy->socket);
  g_object_ref (copy->address);
  return copy;
}

void
rd_socket_free (RdSocket *self)
{
  g_object_unref (self->socket);
  g_object_unref (self->address);
  g_free (self);
}

gboolean
rd_socket_is_at (const RdSocket *self, GSocketAddress *address)
{
  g_autofree char *name = g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (self->address));
  g_autofree char *other = g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (address));

  return g_str_equal (name, other);
}

gboolean
rd_socket_overlaps (const RdSocket *self, GSocketAddress *address)
{
  GInetSocketAddress *here = G_INET_SOCKET_ADDRESS (self->address);
  GInetSocketAddress *there = G_INET_SOCKET_ADDRESS (address);
  GInetAddress *this = g_inet_socket_address_get_address (here);
  GInetAddress *that = g_inet_socket_address_get_address (there);

  return g_inet_socket_address_get_port (here) == g_inet_socket_address_get_port (there)
         && g_inet_address_get_family (this) == g_inet_address_get_family (that)
         && (g_inet_address_get_is_any (this) || g_inet_address_get_is_any (that));
}
