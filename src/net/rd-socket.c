/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Binds TCP sockets for listening, compares their addresses, and checks descriptors passed by
 * another process. */

#include "rd-socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

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

char *
rd_socket_dup_name (GSocketAddress *address)
{
  return g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (address));
}

gboolean
rd_socket_is_same_address (GSocketAddress *one, GSocketAddress *other)
{
  g_autofree char *name = rd_socket_dup_name (one);
  g_autofree char *other_name = rd_socket_dup_name (other);

  return g_str_equal (name, other_name);
}

gboolean
rd_socket_is_overlapping (GSocketAddress *one, GSocketAddress *other)
{
  GInetSocketAddress *place = G_INET_SOCKET_ADDRESS (one);
  GInetSocketAddress *other_place = G_INET_SOCKET_ADDRESS (other);
  GInetAddress *inet = g_inet_socket_address_get_address (place);
  GInetAddress *other_inet = g_inet_socket_address_get_address (other_place);

  return g_inet_socket_address_get_port (place) == g_inet_socket_address_get_port (other_place)
         && g_inet_address_get_family (inet) == g_inet_address_get_family (other_inet)
         && (g_inet_address_equal (inet, other_inet) || g_inet_address_get_is_any (inet)
             || g_inet_address_get_is_any (other_inet));
}

static gboolean
set_options (GSocket *socket, gboolean reuse_port, GError **error)
{
  if (g_socket_get_family (socket) == G_SOCKET_FAMILY_IPV6
      && !g_socket_set_option (socket, IPPROTO_IPV6, IPV6_V6ONLY, TRUE, error))
    return FALSE;
  if (reuse_port && !g_socket_set_option (socket, SOL_SOCKET, SO_REUSEPORT, TRUE, error))
    return FALSE;
  return g_socket_set_option (socket, SOL_SOCKET, SO_REUSEADDR, TRUE, error);
}

GSocket *
rd_socket_bind (GSocketAddress *address, gboolean reuse_port, GError **error)
{
  g_autoptr (GSocket) socket = g_socket_new (g_socket_address_get_family (address),
                                             G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, error);
  struct sockaddr_storage native;
  int bind_errno;

  if (socket == NULL || !set_options (socket, reuse_port, error)
      || !g_socket_address_to_native (address, &native, sizeof native, error))
    return NULL;

  g_socket_set_blocking (socket, FALSE);
  /* not g_socket_bind(), which would clear SO_REUSEPORT */
  if (bind (g_socket_get_fd (socket), (struct sockaddr *) &native,
            g_socket_address_get_native_size (address))
      == 0)
    return g_steal_pointer (&socket);

  bind_errno = errno;
  g_set_error_literal (error, G_IO_ERROR, g_io_error_from_errno (bind_errno),
                       g_strerror (bind_errno));
  return NULL;
}

int
rd_socket_get_option (int fd, int option)
{
  int value = -1;
  socklen_t size = sizeof value;

  return getsockopt (fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

gboolean
rd_socket_is_tcp (int fd)
{
  const int family = rd_socket_get_option (fd, SO_DOMAIN);

  return (family == AF_INET || family == AF_INET6)
         && rd_socket_get_option (fd, SO_TYPE) == SOCK_STREAM
         && rd_socket_get_option (fd, SO_PROTOCOL) == IPPROTO_TCP;
}

gboolean
rd_socket_is_listening (int fd)
{
  return rd_socket_is_tcp (fd) && rd_socket_get_option (fd, SO_ACCEPTCONN) == 1;
}
