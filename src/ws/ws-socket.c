/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Options and addresses of client sockets. Errors when setting an option are ignored, as some
 * sockets are not TCP sockets. */

#include "ws-socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#define UNSENT_MAX (64 * 1024) /* maximum number of unsent bytes per client in the kernel */

static void
set_peer (WsRecord *record, int family, in_port_t port, const void *address, gsize size)
{
  record->family = family;
  record->port = ntohs (port);
  memcpy (record->address, address, size);
}

/* Returns: the SO_COOKIE of @fd (socket(7)), or 0 if @fd is not a socket. */
static guint64
read_cookie (int fd)
{
  guint64 cookie = 0;
  socklen_t size = sizeof cookie;

  getsockopt (fd, SOL_SOCKET, SO_COOKIE, &cookie, &size);
  return cookie;
}

gboolean
ws_socket_is_of (int fd, const WsRecord *record)
{
  const guint64 cookie = read_cookie (fd);

  return cookie != 0 && cookie == record->cookie;
}

void
ws_socket_read_peer (WsRecord *record)
{
  struct sockaddr_storage peer = { 0 };
  const struct sockaddr_in *in4 = (const struct sockaddr_in *) &peer;
  const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) &peer;
  socklen_t size = sizeof peer;

  record->cookie = read_cookie (record->fd);
  if (getpeername (record->fd, (struct sockaddr *) &peer, &size) != 0)
    return;

  if (peer.ss_family == AF_INET)
    set_peer (record, AF_INET, in4->sin_port, &in4->sin_addr, sizeof in4->sin_addr);
  else if (peer.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED (&in6->sin6_addr))
    set_peer (record, AF_INET, in6->sin6_port, &in6->sin6_addr.s6_addr[12], sizeof in4->sin_addr);
  else if (peer.ss_family == AF_INET6)
    set_peer (record, AF_INET6, in6->sin6_port, &in6->sin6_addr, sizeof in6->sin6_addr);
}

static void
set_option (int fd, int option, int value)
{
  setsockopt (fd, IPPROTO_TCP, option, &value, sizeof value);
}

void
ws_socket_tune (int fd, gint64 timeout_us)
{
  set_option (fd, TCP_NODELAY, TRUE);
  set_option (fd, TCP_NOTSENT_LOWAT, UNSENT_MAX);
  if (timeout_us > 0)
    ws_socket_set_send_timeout (fd, timeout_us);
}

void
ws_socket_set_send_timeout (int fd, gint64 timeout_us)
{
  set_option (fd, TCP_USER_TIMEOUT, timeout_us / 1000);
}
