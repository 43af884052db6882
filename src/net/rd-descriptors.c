/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Raises the descriptor limit and divides it among its uses. Checks the sockets passed by the
 * service manager, but does not set their options, because other processes may share them. */

#include "rd-descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rd-sockets.h"
#include "rd-text.h"

#define CLIENTS_MAX 1000000 /* maximum number of clients in the client table */

#define ADMIN       "admin"
#define UNKNOWN     "unknown" /* name if LISTEN_FDNAMES is unset; see sd_listen_fds_with_names(3) */
#define SHOWN_MAX   64        /* maximum number of characters of a name or value in an error */
#define SOCKETS_MAX 64        /* maximum number of inherited sockets */

guint64
rd_descriptors_raise (void)
{
  struct rlimit limit = { .rlim_cur = 2 * RD_DESCRIPTORS_RESERVED,
                          .rlim_max = 2 * RD_DESCRIPTORS_RESERVED };
  rlim_t soft;

  if (getrlimit (RLIMIT_NOFILE, &limit) != 0)
    g_warning ("Cannot read the descriptor limit (RLIMIT_NOFILE): %s", g_strerror (errno));

  soft = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit (RLIMIT_NOFILE, &limit) != 0)
    {
      g_warning ("Cannot raise the descriptor limit (RLIMIT_NOFILE): %s", g_strerror (errno));
      limit.rlim_cur = soft;
    }

  return limit.rlim_cur;
}

void
rd_descriptors_share (guint64 limit, RdDescriptors *share)
{
  const guint64 reserved = MIN (RD_DESCRIPTORS_RESERVED, limit / 2);

  share->clients = MIN (limit - reserved, CLIENTS_MAX);
  share->max_fd = MIN (limit - reserved / 3, G_MAXINT) - 1;
}

/* Reads the variable @name. Returns: TRUE, or FALSE with an error if the variable is not a number
 * from 0 to @max. */
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
               "%s is “%s”, not a number from 0 to %u; correct it in the program that starts "
               "ringdown",
               name, shown, max);
  return FALSE;
}

/* Returns: (nullable): NULL if @fd is a hand-over channel (if @is_channel) or a listening TCP
 * socket; otherwise the fault and a remedy. */
static const char *
find_fault (int fd, gboolean is_channel)
{
  const int domain = rd_socket_get_option (fd, SO_DOMAIN);

  if (is_channel)
    return domain == AF_UNIX && rd_socket_get_option (fd, SO_TYPE) == SOCK_SEQPACKET
             ? NULL
             : "is not a hand-over channel (UNIX SOCK_SEQPACKET socket); give it another "
               "FileDescriptorName=";
  if (fcntl (fd, F_GETFD) < 0)
    return "is not open; correct LISTEN_FDS in the program that starts ringdown";
  if (domain < 0)
    return "is not a socket; pass only listening TCP sockets (ListenStream= with a port)";
  if (!rd_socket_is_tcp (fd))
    return "is not a TCP socket; set ListenStream= to a port, with or without an address";
  if (!rd_socket_is_listening (fd))
    return "does not listen; set Accept=no in its socket unit";
  return NULL;
}

static gboolean
take (RdInherited *self, int fd, const char *name, GError **error)
{
  const gboolean is_channel = g_str_equal (name, RD_INHERITED_CHANNEL);
  const char *fault = find_fault (fd, is_channel);
  g_autofree char *shown = rd_text_printable (name, SHOWN_MAX);
  GSocket *socket;

  if (fault != NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "inherited descriptor %d (“%s”) %s",
                   fd, shown, fault);
      return FALSE;
    }
  if (is_channel)
    {
      g_array_append_val (self->channels, fd);
      return TRUE;
    }

  socket = g_socket_new_from_fd (fd, error);
  if (socket == NULL)
    return FALSE;

  g_ptr_array_add (g_str_equal (name, ADMIN) ? self->admin : self->clients, socket);
  return TRUE;
}

/* Splits LISTEN_FDNAMES into @names (nullable: NULL if the variable is not set). Returns: TRUE,
 * or FALSE with an error if the variable is set, but does not contain exactly @n names. */
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
               "LISTEN_FDS is %u, but LISTEN_FDNAMES has %u names; correct them in the program "
               "that starts ringdown",
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
    return TRUE; /* the sockets were passed to another process, such as the parent */
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
close_channel (gpointer data)
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
  self->channels = g_array_new (FALSE, FALSE, sizeof (int));
  g_array_set_clear_func (self->channels, close_channel);
  if (!take_all (self, environment, first, error))
    return NULL;

  return g_steal_pointer (&self);
}

void
rd_inherited_free (RdInherited *self)
{
  g_ptr_array_unref (self->clients);
  g_ptr_array_unref (self->admin);
  g_array_unref (self->channels);
  g_free (self);
}

int
rd_inherited_steal_channel (RdInherited *self)
{
  for (guint i = 0; i < self->channels->len; i++)
    if (g_array_index (self->channels, int, i) >= 0)
      return g_steal_fd (&g_array_index (self->channels, int, i));

  return -1;
}

void
rd_inherited_take_over (RdInherited *self, GPtrArray *offers)
{
  const gboolean needs[]
    = { [RD_ROLE_CLIENTS] = self->clients->len == 0, [RD_ROLE_ADMIN] = self->admin->len == 0 };

  for (guint i = 0; i < offers->len; i++)
    {
      const RdSocket *offer = offers->pdata[i];

      if (offer->is_inherited && needs[offer->role])
        g_ptr_array_add (offer->role == RD_ROLE_ADMIN ? self->admin : self->clients,
                         g_object_ref (offer->socket));
    }

  rd_sockets_drop_inherited (offers);
}
