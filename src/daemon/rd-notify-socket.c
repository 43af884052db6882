/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Sends datagrams to the service manager, each to its address anew: it may restart and bind another
 * socket there. Never blocks, and never fails in a way that has to be dealt with: the service does
 * not depend on being heard. What is said is the caller's. */

#include "rd-notify-socket.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "rd-text.h"

#define SHOWN_MAX 128 /* characters of an address in an error */

struct _RdNotifySocket
{
  int fd; /* owned */
  struct sockaddr_un address;
  socklen_t size; /* of the address */
};

/* Returns: FALSE if @text is no address. */
static gboolean
set_address (RdNotifySocket *self, const char *text)
{
  const gboolean is_abstract = text[0] == '@';
  const gsize length = strlen (text);

  if ((text[0] != '/' && !is_abstract) || length < 2
      || length >= sizeof self->address.sun_path + is_abstract)
    return FALSE;

  self->address.sun_family = AF_UNIX;
  memcpy (self->address.sun_path, text, length);
  if (is_abstract)
    self->address.sun_path[0] = '\0';
  self->size = offsetof (struct sockaddr_un, sun_path) + length + !is_abstract;
  return TRUE;
}

RdNotifySocket *
rd_notify_socket_new (const char *address, GError **error)
{
  g_autoptr (RdNotifySocket) self = g_new0 (RdNotifySocket, 1);

  self->fd = -1;
  if (!set_address (self, address))
    {
      g_autofree char *shown = rd_text_printable (address, SHOWN_MAX);

      g_set_error (
        error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
        _ ("NOTIFY_SOCKET is “%s”, which is no address of a service manager: an absolute "
           "path, or “@” and a name"),
        shown);
      return NULL;
    }

  self->fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (self->fd < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   _ ("cannot make a socket for the service manager: %s"), g_strerror (errno));
      return NULL;
    }

  return g_steal_pointer (&self);
}

void
rd_notify_socket_free (RdNotifySocket *self)
{
  if (self->fd >= 0)
    close (self->fd);
  g_free (self);
}

gboolean
rd_notify_socket_send (RdNotifySocket *self, const char *assignments)
{
  const gssize n = sendto (self->fd, assignments, strlen (assignments), MSG_NOSIGNAL,
                           (const struct sockaddr *) &self->address, self->size);

  if (n >= 0)
    return TRUE;
  if (errno == EAGAIN || errno == ENOBUFS)
    return FALSE;

  g_debug ("The service manager was not reached: %s", g_strerror (errno));
  return TRUE;
}
