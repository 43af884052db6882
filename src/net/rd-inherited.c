/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Socket activation: takes over listening sockets from the process that started us, and believes
 * nothing of what it is told before it has looked; of parcels it knows no more than that they are
 * such. Neither binds nor listens, and changes nothing about a socket that others may hold too. */

#include "rd-inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rd-sockets.h"
#include "rd-tcp.h"
#include "rd-text.h"

#define ADMIN       "admin"
#define UNKNOWN     "unknown" /* as sd_listen_fds_with_names() has it */
#define SHOWN_MAX   64        /* characters of a name or value in an error */
#define SOCKETS_MAX 64

/* Returns: FALSE with an error if the variable is not a number of at least 0, and at most @max. */
static gboolean
read_number (char **environment, const char *name, guint max, guint *number, GError **error)
{
  const char *text = g_environ_getenv (environment, name);
  g_autofree char *shown = NULL;
  guint64 value;

  if (g_ascii_string_to_unsigned (text, 10, 0, max, &value, NULL))
    {
      *number = value;
      return TRUE;
    }

  shown = rd_text_printable (text, SHOWN_MAX);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               /* Translators: a variable of the environment and its value */
               _ ("%s is “%s”, not a number from 0 to %u; correct what starts ringdown"), name,
               shown, max);
  return FALSE;
}

/* Returns: FALSE with an error unless @fd is a TCP socket that listens. @name: as may be shown. */
static gboolean
require_listening (int fd, const char *name, GError **error)
{
  if (fcntl (fd, F_GETFD) < 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED,
                 _ ("descriptor %d (“%s”) was passed to listen on, but is not open; correct "
                    "LISTEN_FDS, or what starts ringdown"),
                 fd, name);
  else if (!rd_tcp_is_socket (fd))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                 _ ("descriptor %d (“%s”) was passed to listen on, but is no socket; pass "
                    "listening TCP sockets only (ListenStream= with a port)"),
                 fd, name);
  else if (!rd_tcp_is_tcp (fd))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                 _ ("socket %d (“%s”) was passed to listen on, but is not of TCP; give "
                    "ListenStream= a port, with or without an address"),
                 fd, name);
  else if (!rd_tcp_is_listening (fd))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                 _ ("socket %d (“%s”) was passed to listen on, but does not listen; set Accept=no "
                    "in its socket unit"),
                 fd, name);
  else
    return TRUE;

  return FALSE;
}

static gboolean
is_parcel (int fd)
{
  int domain = -1;
  int type = -1;
  socklen_t size = sizeof domain;

  return getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX
         && getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

static gboolean
take_parcel (RdInherited *self, int fd, GError **error)
{
  if (is_parcel (fd))
    {
      g_array_append_val (self->parcels, fd);
      self->n_parcels++;
      return TRUE;
    }

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
               /* Translators: a descriptor's number, and its name */
               _ ("descriptor %d (“%s”) was passed as what a hand-over has left, but is not that; "
                  "give the sockets of the service manager other names"),
               fd, RD_INHERITED_PARCEL);
  return FALSE;
}

static gboolean
take (RdInherited *self, int fd, const char *name, GError **error)
{
  g_autofree char *shown = rd_text_printable (name, SHOWN_MAX);
  GSocket *socket;

  if (g_str_equal (name, RD_INHERITED_PARCEL))
    return take_parcel (self, fd, error);
  if (!require_listening (fd, shown, error))
    return FALSE;

  socket = g_socket_new_from_fd (fd, error);
  if (socket == NULL)
    {
      /* Translators: a descriptor's number and name; the reason follows */
      g_prefix_error (error, _ ("cannot listen on socket %d (“%s”): "), fd, shown);
      return FALSE;
    }

  g_ptr_array_add (g_str_equal (name, ADMIN) ? self->admin : self->clients, socket);
  return TRUE;
}

/* Returns: FALSE with an error if some, but not all of the @n descriptors have names. */
static gboolean
split_names (char **environment, guint n, char ***names, GError **error)
{
  const char *text = g_environ_getenv (environment, "LISTEN_FDNAMES");
  guint n_names;

  *names = text != NULL ? g_strsplit (text, ":", SOCKETS_MAX + 1) : NULL;
  n_names = text != NULL ? g_strv_length (*names) : n;
  if (n_names == n)
    return TRUE;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               /* Translators: the numbers differ, and should not */
               _ ("LISTEN_FDS is %u, but the names in LISTEN_FDNAMES are %u; correct what starts "
                  "ringdown"),
               n, n_names);
  return FALSE;
}

static gboolean
take_all (RdInherited *self, char **environment, int first, GError **error)
{
  g_auto (GStrv) names = NULL;
  guint pid, n;

  if (g_environ_getenv (environment, "LISTEN_PID") == NULL
      || g_environ_getenv (environment, "LISTEN_FDS") == NULL)
    return TRUE;
  if (!read_number (environment, "LISTEN_PID", G_MAXINT32, &pid, error))
    return FALSE;
  if (pid != (guint) getpid ())
    return TRUE; /* meant for who started us, and forgotten in the environment */
  if (!read_number (environment, "LISTEN_FDS", SOCKETS_MAX, &n, error)
      || !split_names (environment, n, &names, error))
    return FALSE;

  for (guint i = 0; i < n; i++)
    fcntl (first + i, F_SETFD, FD_CLOEXEC);
  for (guint i = 0; i < n; i++)
    if (!take (self, first + i, names != NULL ? names[i] : UNKNOWN, error))
      return FALSE;

  return TRUE;
}

static void
close_parcel (gpointer data)
{
  const int *fd = data;

  if (*fd >= 0)
    close (*fd);
}

RdInherited *
rd_inherited_new (char **environment, int first, GError **error)
{
  g_autoptr (RdInherited) self = g_new0 (RdInherited, 1);

  self->clients = g_ptr_array_new_with_free_func (g_object_unref);
  self->admin = g_ptr_array_new_with_free_func (g_object_unref);
  self->parcels = g_array_new (FALSE, FALSE, sizeof (int));
  g_array_set_clear_func (self->parcels, close_parcel);
  if (!take_all (self, environment, first, error))
    return NULL;

  return g_steal_pointer (&self);
}

void
rd_inherited_free (RdInherited *self)
{
  g_ptr_array_unref (self->clients);
  g_ptr_array_unref (self->admin);
  g_array_unref (self->parcels);
  g_free (self);
}

int
rd_inherited_steal_parcel (RdInherited *self)
{
  int fd;

  if (self->parcels->len == 0)
    return -1;

  fd = g_array_index (self->parcels, int, 0);
  g_array_index (self->parcels, int, 0) = -1;
  g_array_remove_index (self->parcels, 0);
  return fd;
}

void
rd_inherited_take_over (RdInherited *self, GPtrArray *offers)
{
  const gboolean needs[]
    = { [RD_ROLE_CLIENTS] = self->clients->len == 0, [RD_ROLE_ADMIN] = self->admin->len == 0 };

  for (guint i = 0; i < offers->len;)
    {
      const RdSocket *offer = offers->pdata[i];
      GPtrArray *sockets = offer->role == RD_ROLE_ADMIN ? self->admin : self->clients;

      if (!offer->is_inherited)
        {
          i++;
          continue;
        }
      if (needs[offer->role])
        g_ptr_array_add (sockets, g_object_ref (offer->socket));
      g_ptr_array_remove_index (offers, i);
    }
}
