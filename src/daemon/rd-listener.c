/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Accepts connections by itself, because SoupServer's own listener stops for ever after a failed
 * accept() and has a backlog of 10. Here the backlog is long, accepting goes by batches, and
 * a want of descriptors refuses one connection, not the service. Does not know what connections
 * are for. */

#include "rd-listener.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gi18n.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rd-tcp.h"

#define BACKLOG    4096
#define RETRY_MS   100 /* until the next try, after an error that will not pass by itself */
#define QUIET_US   (60 * G_TIME_SPAN_SECOND) /* without such errors, until the next is news */
#define PORT_TRIES 20                        /* for a free port that is free on all addresses */

struct _RdListener
{
  GPtrArray *sockets;   /* GSocket, owned; none while stopped or once closed */
  GPtrArray *addresses; /* GSocketAddress, owned: of the sockets, stopped or not */
  GPtrArray *sources;   /* GSource, owned; none while stopped, paused or waiting to retry */
  gboolean reuse_port;
  gboolean is_inherited; /* others hold the sockets too: they listen whatever we do */
  RdListenerFunc func;
  gpointer user_data; /* unowned */
  int spare_fd;       /* owned: given up to refuse a connection when none is left */
  guint retry_id;
  guint pace;            /* connections a turn */
  gint64 quiet_until_us; /* errors of accept() up to then were reported */
};

static int
open_spare (void)
{
  return open ("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void start_sources (RdListener *listener);

static gboolean
on_retry (gpointer user_data)
{
  RdListener *listener = user_data;

  listener->retry_id = 0;
  start_sources (listener);
  return G_SOURCE_REMOVE;
}

static void
stop_sources (RdListener *listener)
{
  for (guint i = 0; i < listener->sources->len; i++)
    g_source_destroy (listener->sources->pdata[i]);
  g_ptr_array_set_size (listener->sources, 0);
  g_clear_handle_id (&listener->retry_id, g_source_remove);
}

/* No descriptor is left: the spare one takes the connection, to close it. Without that it would
 * stay in the backlog and wake us for ever. */
static gboolean
refuse_one (RdListener *listener, int listen_fd)
{
  int fd;

  if (listener->spare_fd >= 0)
    close (listener->spare_fd);
  fd = accept4 (listen_fd, NULL, NULL, SOCK_CLOEXEC);
  if (fd >= 0)
    close (fd);
  listener->spare_fd = open_spare ();
  if (fd < 0)
    return FALSE;

  listener->func (NULL, listener->user_data);
  return TRUE;
}

static void
hand_over (RdListener *listener, int fd)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = g_socket_new_from_fd (fd, &error);

  if (socket == NULL)
    {
      g_debug ("Connection lost while it was accepted: %s", error->message);
      close (fd);
      return;
    }

  listener->func (g_socket_connection_factory_create_connection (socket), listener->user_data);
}

/* Returns: whether there may be more to accept. */
static gboolean
accept_one (RdListener *listener, int listen_fd)
{
  int fd = accept4 (listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  const int accept_errno = errno;

  if (fd >= 0)
    {
      hand_over (listener, fd);
      return TRUE;
    }
  if (accept_errno == EAGAIN)
    return FALSE;
  if (accept_errno == EINTR || accept_errno == ECONNABORTED)
    return TRUE;

  if (g_get_monotonic_time () >= listener->quiet_until_us)
    {
      g_autofree char *name = g_socket_connectable_to_string (
        G_SOCKET_CONNECTABLE (listener->addresses->pdata[0]));

      /* Translators: an address with its port, and the reason */
      g_warning (_ ("Cannot accept connections on %s: %s; refusing them until that is over"), name,
                 g_strerror (accept_errno));
    }
  listener->quiet_until_us = g_get_monotonic_time () + QUIET_US;
  if ((accept_errno == EMFILE || accept_errno == ENFILE) && refuse_one (listener, listen_fd))
    return TRUE;

  stop_sources (listener);
  listener->retry_id = g_timeout_add (RETRY_MS, on_retry, listener);
  return FALSE;
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  RdListener *listener = user_data;

  for (guint i = 0; i < listener->pace && accept_one (listener, fd); i++)
    continue;

  return G_SOURCE_CONTINUE;
}

static void
start_sources (RdListener *listener)
{
  if (listener->pace == 0)
    return;

  for (guint i = 0; i < listener->sockets->len; i++)
    {
      GSource *source = g_unix_fd_source_new (g_socket_get_fd (listener->sockets->pdata[i]),
                                              G_IO_IN);

      g_source_set_callback (source, G_SOURCE_FUNC (on_readable), listener, NULL);
      g_source_attach (source, NULL);
      g_ptr_array_add (listener->sources, source);
    }
}

/* Returns: (transfer full): a socket that listens on @address, or NULL with what went wrong. */
static GSocket *
listen_on (GSocketAddress *address, gboolean reuse_port, GError **error)
{
  g_autoptr (GSocket) socket = rd_tcp_bind (address, reuse_port, error);

  if (socket == NULL)
    return NULL;

  g_socket_set_listen_backlog (socket, BACKLOG);
  return g_socket_listen (socket, error) ? g_steal_pointer (&socket) : NULL;
}

/* Adds to @error, of listen_on(), where that was and what to do. */
static void
explain_failure (GError **error, GSocketAddress *address)
{
  g_autofree char *name = g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (address));

  if (g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE))
    {
      g_clear_error (error);
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE,
                   _ ("cannot listen on %s: the port is taken; end what holds it or give another "
                      "port"),
                   name);
      return;
    }

  /* Translators: an address with its port; the reason follows */
  g_prefix_error (error, _ ("cannot listen on %s: "), name);
}

static gboolean
has_address (RdListener *listener, GSocketAddress *address)
{
  g_autofree char *name = g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (address));

  for (guint i = 0; i < listener->addresses->len; i++)
    {
      g_autofree char *other = g_socket_connectable_to_string (
        G_SOCKET_CONNECTABLE (listener->addresses->pdata[i]));

      if (g_str_equal (name, other))
        return TRUE;
    }

  return FALSE;
}

/* Listens on all that @host stands for. A name may stand for an address family that this machine
 * has not got; a port that is taken is another matter, as half a service is none.
 * @port: where it is 0, set to the one that was free. */
static gboolean
listen_on_host (RdListener *listener, const char *host, guint *port, GError **error)
{
  g_autolist (GInetAddress) inets = g_resolver_lookup_by_name (g_resolver_get_default (), host,
                                                               NULL, error);
  g_autoptr (GError) failure = NULL;
  gboolean is_listening = FALSE;

  if (inets == NULL)
    {
      g_prefix_error (error, _ ("cannot listen on %s: "), host);
      return FALSE;
    }

  for (GList *l = inets; l != NULL; l = l->next)
    {
      g_autoptr (GSocketAddress) address = g_inet_socket_address_new (l->data, *port);
      GSocketAddress *bound;
      GSocket *socket;

      if (has_address (listener, address))
        {
          is_listening = TRUE;
          continue;
        }

      g_clear_error (&failure);
      socket = listen_on (address, listener->reuse_port, &failure);
      bound = socket != NULL ? g_socket_get_local_address (socket, &failure) : NULL;
      if (bound != NULL)
        {
          is_listening = TRUE;
          g_ptr_array_add (listener->sockets, socket);
          g_ptr_array_add (listener->addresses, bound);
          *port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));
          continue;
        }

      g_clear_object (&socket);
      explain_failure (&failure, address);
      if (g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE))
        break;
    }

  if (is_listening && !g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE))
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&failure));
  return FALSE;
}

void
rd_listener_close (RdListener *listener)
{
  stop_sources (listener);
  g_ptr_array_set_size (listener->sockets, 0);
}

static gboolean
listen_on_hosts (RdListener *listener, const char *const *hosts, guint port, GError **error)
{
  for (gsize i = 0; hosts[i] != NULL; i++)
    if (!listen_on_host (listener, hosts[i], &port, error))
      {
        rd_listener_close (listener);
        g_ptr_array_set_size (listener->addresses, 0);
        return FALSE;
      }

  return TRUE;
}

static RdListener *
listener_new (RdListenerFunc func, gpointer user_data)
{
  RdListener *listener = g_new0 (RdListener, 1);

  listener->sockets = g_ptr_array_new_with_free_func (g_object_unref);
  listener->addresses = g_ptr_array_new_with_free_func (g_object_unref);
  listener->sources = g_ptr_array_new_with_free_func ((GDestroyNotify) g_source_unref);
  listener->func = func;
  listener->user_data = user_data;
  listener->pace = 1;
  listener->spare_fd = open_spare ();
  return listener;
}

RdListener *
rd_listener_new (const char *const *addresses,
                 guint port,
                 gboolean reuse_port,
                 RdListenerFunc func,
                 gpointer user_data,
                 GError **error)
{
  g_autoptr (RdListener) listener = listener_new (func, user_data);
  g_autoptr (GError) failure = NULL;
  int tries = port == 0 ? PORT_TRIES : 1;

  listener->reuse_port = reuse_port;
  while (!listen_on_hosts (listener, addresses, port, &failure))
    {
      /* any port: what is free on one address need not be on the next */
      if (--tries == 0 || !g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE))
        {
          g_propagate_error (error, g_steal_pointer (&failure));
          return NULL;
        }
      g_clear_error (&failure);
    }

  start_sources (listener);
  return g_steal_pointer (&listener);
}

RdListener *
rd_listener_new_inherited (GPtrArray *sockets,
                           RdListenerFunc func,
                           gpointer user_data,
                           GError **error)
{
  g_autoptr (RdListener) listener = listener_new (func, user_data);

  listener->is_inherited = TRUE;
  for (guint i = 0; i < sockets->len; i++)
    {
      GSocketAddress *address = g_socket_get_local_address (sockets->pdata[i], error);

      if (address == NULL)
        return NULL;
      g_ptr_array_add (listener->sockets, g_object_ref (sockets->pdata[i]));
      g_ptr_array_add (listener->addresses, address);
    }

  start_sources (listener);
  return g_steal_pointer (&listener);
}

void
rd_listener_free (RdListener *listener)
{
  rd_listener_close (listener);
  g_ptr_array_unref (listener->sources);
  g_ptr_array_unref (listener->sockets);
  g_ptr_array_unref (listener->addresses);
  if (listener->spare_fd >= 0)
    close (listener->spare_fd);
  g_free (listener);
}

void
rd_listener_set_pace (RdListener *listener, guint pace)
{
  const gboolean is_paused = listener->pace == 0;

  listener->pace = pace;
  if (is_paused == (pace == 0))
    return;

  stop_sources (listener);
  start_sources (listener);
}

void
rd_listener_stop (RdListener *listener)
{
  if (listener->is_inherited)
    return;

  for (guint i = 0; i < listener->sockets->len; i++)
    {
      int fd = g_socket_get_fd (listener->sockets->pdata[i]);

      for (int k = 0; k < BACKLOG && accept_one (listener, fd); k++)
        continue;
    }
  rd_listener_close (listener);
}

gboolean
rd_listener_resume (RdListener *listener, GError **error)
{
  g_autoptr (GPtrArray) sockets = g_ptr_array_new_with_free_func (g_object_unref);

  if (listener->is_inherited)
    return TRUE;

  for (guint i = 0; i < listener->addresses->len; i++)
    {
      GSocketAddress *address = listener->addresses->pdata[i];
      GError *failure = NULL;
      GSocket *socket = listen_on (address, listener->reuse_port, &failure);

      if (socket == NULL)
        {
          explain_failure (&failure, address);
          g_propagate_error (error, failure);
          return FALSE;
        }
      g_ptr_array_add (sockets, socket);
    }

  rd_listener_close (listener);
  g_ptr_array_extend_and_steal (listener->sockets, g_steal_pointer (&sockets));
  start_sources (listener);
  return TRUE;
}

char **
rd_listener_dup_addresses (RdListener *listener)
{
  char **names = g_new0 (char *, listener->addresses->len + 1);

  for (guint i = 0; i < listener->addresses->len; i++)
    names[i] = g_socket_connectable_to_string (
      G_SOCKET_CONNECTABLE (listener->addresses->pdata[i]));

  return names;
}
