/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The server, for all clients: its address, the source addresses of clients, and the handshake,
 * which is prepared once. All handshakes have the same key, to which the limit server has a fixed
 * answer; that is fine without a proxy that could cache answers. */

#include "load-target.h"

#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gio/gio.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

enum
{
  SOURCES = 200, /* addresses from 127.0.0.2 on, of 28 000 ports each, are enough with TIME_WAIT */
};

struct _LoadTarget
{
  char *url; /* owned */
  struct sockaddr_storage address;
  socklen_t address_size;
  char *request; /* owned */
};

static gboolean
resolve (LoadTarget *target, const char *host, int port, GError **error)
{
  const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
  g_autofree char *service = g_strdup_printf ("%d", port);
  struct addrinfo *found = NULL;
  int failure = getaddrinfo (host, service, &hints, &found);

  if (failure != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "Cannot find the address of '%s': %s",
                   host, gai_strerror (failure));
      return FALSE;
    }
  memcpy (&target->address, found->ai_addr, found->ai_addrlen);
  target->address_size = found->ai_addrlen;
  freeaddrinfo (found);
  return TRUE;
}

LoadTarget *
load_target_new (const char *url, GError **error)
{
  g_autoptr (LoadTarget) target = g_new0 (LoadTarget, 1);
  g_autoptr (GUri) uri = g_uri_parse (url, G_URI_FLAGS_NONE, error);
  const char *path, *query;
  int port;

  if (uri == NULL)
    {
      g_prefix_error (error, "invalid URL '%s': ", url);
      return NULL;
    }
  if (g_strcmp0 (g_uri_get_scheme (uri), "ws") != 0 || g_uri_get_host (uri) == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "invalid server URL '%s'; it must be ws://HOST:PORT/PATH", url);
      return NULL;
    }
  port = g_uri_get_port (uri) > 0 ? g_uri_get_port (uri) : 80;
  if (!resolve (target, g_uri_get_host (uri), port, error))
    return NULL;

  target->url = g_strdup (url);
  path = g_uri_get_path (uri);
  query = g_uri_get_query (uri);
  target->request = g_strdup_printf ("GET %s%s%s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\n"
                                     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                     "Sec-WebSocket-Key: " WIRE_KEY "\r\n\r\n",
                                     *path != '\0' ? path : "/", query != NULL ? "?" : "",
                                     query != NULL ? query : "", g_uri_get_host (uri), port);
  return g_steal_pointer (&target);
}

void
load_target_free (LoadTarget *target)
{
  g_free (target->url);
  g_free (target->request);
  g_free (target);
}

static gboolean
is_loopback (const LoadTarget *target)
{
  const struct sockaddr_in *address = (const struct sockaddr_in *) &target->address;

  return target->address.ss_family == AF_INET && ntohl (address->sin_addr.s_addr) >> 24 == 127;
}

/* Binds @fd to a loopback address that depends on @index. connect() chooses the port, which may be
 * in use for another destination (IP_BIND_ADDRESS_NO_PORT). */
static gboolean
bind_source (int fd, guint index)
{
  const int on = 1;
  struct sockaddr_in source = { .sin_family = AF_INET };

  source.sin_addr.s_addr = htonl (INADDR_LOOPBACK + 1 + index % SOURCES);
  return setsockopt (fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) == 0
         && bind (fd, (struct sockaddr *) &source, sizeof source) == 0;
}

static gboolean
try_connect (const LoadTarget *target, int fd, guint index)
{
  const int on = 1;

  if (fd < 0 || setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
    return FALSE;
  if (is_loopback (target) && !bind_source (fd, index))
    return FALSE;
  return connect (fd, (const struct sockaddr *) &target->address, target->address_size) == 0
         || errno == EINPROGRESS;
}

int
load_target_connect (const LoadTarget *target, guint index, GError **error)
{
  int fd = socket (target->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int failure;

  if (try_connect (target, fd, index))
    return fd;
  failure = errno;
  if (fd >= 0)
    close (fd);
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (failure), "%s%s", g_strerror (failure),
               failure == EMFILE ? ": raise `ulimit -n`" : "");
  return -1;
}

const char *
load_target_get_url (const LoadTarget *target)
{
  return target->url;
}

const char *
load_target_get_request (const LoadTarget *target)
{
  return target->request;
}

gboolean
load_target_check_answer (const LoadTarget *target, const char *head, GError **error)
{
  g_autofree char *accept_key = wire_find_field (head, "Sec-WebSocket-Accept");

  if (g_str_has_prefix (head, "HTTP/1.1 101") && g_strcmp0 (accept_key, WIRE_ACCEPT_KEY) == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED, "the server answered '%.*s'%s",
               (int) strcspn (head, "\r\n"), head,
               accept_key != NULL ? " with a wrong Sec-WebSocket-Accept" : "");
  return FALSE;
}
