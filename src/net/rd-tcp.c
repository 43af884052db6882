/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Binds TCP sockets by bind(2) itself: g_socket_bind() sets the options that allow reuse as it
 * thinks right, and so takes SO_REUSEPORT back. Tells those that somebody else has bound from other
 * descriptors. What is done with a socket then, this file does not know.
 */

#include "rd-tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

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
rd_tcp_bind (GSocketAddress *address, gboolean reuse_port, GError **error)
{
  g_autoptr (GSocket) socket = g_socket_new (g_socket_address_get_family (address),
                                             G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, error);
  struct sockaddr_storage native;
  int bind_errno;

  if (socket == NULL || !set_options (socket, reuse_port, error)
      || !g_socket_address_to_native (address, &native, sizeof native, error))
    return NULL;

  g_socket_set_blocking (socket, FALSE);
  if (bind (g_socket_get_fd (socket), (struct sockaddr *) &native,
            g_socket_address_get_native_size (address))
      == 0)
    return g_steal_pointer (&socket);

  bind_errno = errno;
  g_set_error_literal (error, G_IO_ERROR, g_io_error_from_errno (bind_errno),
                       g_strerror (bind_errno));
  return NULL;
}

static int
get_option (int fd, int option)
{
  int value = -1;
  socklen_t size = sizeof value;

  return getsockopt (fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

gboolean
rd_tcp_is_socket (int fd)
{
  return get_option (fd, SO_DOMAIN) >= 0;
}

gboolean
rd_tcp_is_tcp (int fd)
{
  const int family = get_option (fd, SO_DOMAIN);

  return (family == AF_INET || family == AF_INET6) && get_option (fd, SO_TYPE) == SOCK_STREAM
         && get_option (fd, SO_PROTOCOL) == IPPROTO_TCP;
}

gboolean
rd_tcp_is_listening (int fd)
{
  return rd_tcp_is_tcp (fd) && get_option (fd, SO_ACCEPTCONN) == 1;
}
