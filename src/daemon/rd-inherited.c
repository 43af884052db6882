/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Socket activation: takes over listening sockets from the process that started us, and believes
 * nothing of what it is told before it has looked. Neither binds nor listens, and changes nothing
 * about a socket that others may hold too. */

#include "rd-inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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

static int
get_option (int fd, int option)
{
  int value = -1;
  socklen_t size = sizeof value;

  return getsockopt (fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

/* Returns: FALSE with an error unless @fd is a TCP socket that listens. @name: as may be shown. */
static gboolean
require_listening (int fd, const char *name, GError **error)
{
  const int family = get_option (fd, SO_DOMAIN);

  if (fcntl (fd, F_GETFD) < 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_CLOSED,
                 _ ("descriptor %d (“%s”) was passed to listen on, but is not open; correct "
                    "LISTEN_FDS, or what starts ringdown"),
                 fd, name);
  else if (family < 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                 _ ("descriptor %d (“%s”) was passed to listen on, but is no socket; pass "
                    "listening TCP sockets only (ListenStream= with a port)"),
                 fd, name);
  else if ((family != AF_INET && family != AF_INET6) || get_option (fd, SO_TYPE) != SOCK_STREAM
           || get_option (fd, SO_PROTOCOL) != IPPROTO_TCP)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                 _ ("socket %d (“%s”) was passed to listen on, but is not of TCP; give "
                    "ListenStream= a port, with or without an address"),
                 fd, name);
  else if (get_option (fd, SO_ACCEPTCONN) != 1)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                 _ ("socket %d (“%s”) was passed to listen on, but does not listen; set Accept=no "
                    "in its socket unit"),
                 fd, name);
  else
    return TRUE;

  return FALSE;
}

static gboolean
take (RdInherited *self, int fd, const char *name, GError **error)
{
  g_autofree char *shown = rd_text_printable (name, SHOWN_MAX);
  GSocket *socket;

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

RdInherited *
rd_inherited_new (char **environment, int first, GError **error)
{
  g_autoptr (RdInherited) self = g_new0 (RdInherited, 1);

  self->clients = g_ptr_array_new_with_free_func (g_object_unref);
  self->admin = g_ptr_array_new_with_free_func (g_object_unref);
  if (!take_all (self, environment, first, error))
    return NULL;

  return g_steal_pointer (&self);
}

void
rd_inherited_free (RdInherited *self)
{
  g_ptr_array_unref (self->clients);
  g_ptr_array_unref (self->admin);
  g_free (self);
}
