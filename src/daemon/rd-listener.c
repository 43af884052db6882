/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Accepts connections by itself, because SoupServer's own listener stops for ever after a failed
 * accept() and has a backlog of 10. Here the backlog is long, accepting goes by batches, and
 * a want of descriptors refuses one connection, not the service. Does not know what connections
 * are for. */

#include "rd-listener.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG  4096
#define BATCH    64  /* connections accepted in one turn of the main loop */
#define RETRY_MS 100 /* until the next try, after an error that will not pass by itself */

struct _RdListener
{
  GPtrArray *sockets; /* GSocket, owned */
  GPtrArray *sources; /* GSource, owned; none while busy or stopped */
  RdListenerFunc func;
  gpointer user_data; /* unowned */
  int spare_fd;       /* owned: given up to refuse a connection when none is left */
  guint retry_id;
  gboolean is_stopped;
  gboolean is_busy;
  gboolean is_failing; /* and has said so */
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
      listener->is_failing = FALSE;
      hand_over (listener, fd);
      return TRUE;
    }
  if (accept_errno == EAGAIN)
    return FALSE;
  if (accept_errno == EINTR || accept_errno == ECONNABORTED)
    return TRUE;

  if (!listener->is_failing)
    g_warning ("Cannot accept connections: %s; refusing them until that is over",
               g_strerror (accept_errno));
  listener->is_failing = TRUE;
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

  for (int i = 0; i < BATCH && !listener->is_busy && accept_one (listener, fd); i++)
    continue;

  return G_SOURCE_CONTINUE;
}

static void
start_sources (RdListener *listener)
{
  if (listener->is_busy || listener->is_stopped)
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
  g_autoptr (GSocket) socket = g_socket_new (g_socket_address_get_family (address),
                                             G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, error);

  if (socket == NULL)
    return NULL;

  g_socket_set_blocking (socket, FALSE);
  g_socket_set_listen_backlog (socket, BACKLOG);
  if (g_socket_get_family (socket) == G_SOCKET_FAMILY_IPV6
      && !g_socket_set_option (socket, IPPROTO_IPV6, IPV6_V6ONLY, TRUE, error))
    return NULL;
  if (reuse_port && !g_socket_set_option (socket, SOL_SOCKET, SO_REUSEPORT, TRUE, error))
    return NULL;
  if (!g_socket_bind (socket, address, TRUE, error) || !g_socket_listen (socket, error))
    return NULL;

  return g_steal_pointer (&socket);
}

static char *
format_address (GSocket *socket)
{
  g_autoptr (GSocketAddress) address = g_socket_get_local_address (socket, NULL);

  return address != NULL ? g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (address))
                         : g_strdup ("unknown");
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
                   "cannot listen on %s: the port is taken; end what holds it or give another port",
                   name);
      return;
    }

  g_prefix_error (error, "cannot listen on %s: ", name);
}

/* Listens on all that @host stands for. A name may stand for an address family that this machine
 * has not got; a port that is taken is another matter, as half a service is none.
 * @port: where it is 0, set to the one that was free. */
static gboolean
listen_on_host (RdListener *listener,
                const char *host,
                guint *port,
                gboolean reuse_port,
                GError **error)
{
  g_autolist (GInetAddress) inets = g_resolver_lookup_by_name (g_resolver_get_default (), host,
                                                               NULL, error);
  g_autoptr (GError) failure = NULL;
  gboolean is_listening = FALSE;

  if (inets == NULL)
    {
      g_prefix_error (error, "cannot listen on %s: ", host);
      return FALSE;
    }

  for (GList *l = inets; l != NULL; l = l->next)
    {
      g_autoptr (GSocketAddress) address = g_inet_socket_address_new (l->data, *port);
      g_autoptr (GSocketAddress) bound = NULL;
      GSocket *socket;

      g_clear_error (&failure);
      socket = listen_on (address, reuse_port, &failure);
      if (socket != NULL)
        {
          is_listening = TRUE;
          g_ptr_array_add (listener->sockets, socket);
          bound = g_socket_get_local_address (socket, NULL);
          *port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));
          continue;
        }

      explain_failure (&failure, address);
      if (g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE))
        break;
    }

  if (is_listening && !g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE))
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&failure));
  return FALSE;
}

RdListener *
rd_listener_new (const char *const *addresses,
                 guint port,
                 gboolean reuse_port,
                 RdListenerFunc func,
                 gpointer user_data,
                 GError **error)
{
  g_autoptr (RdListener) listener = g_new0 (RdListener, 1);

  listener->sockets = g_ptr_array_new_with_free_func (g_object_unref);
  listener->sources = g_ptr_array_new_with_free_func ((GDestroyNotify) g_source_unref);
  listener->func = func;
  listener->user_data = user_data;
  listener->spare_fd = open_spare ();

  for (gsize i = 0; addresses[i] != NULL; i++)
    if (!listen_on_host (listener, addresses[i], &port, reuse_port, error))
      return NULL;

  start_sources (listener);
  return g_steal_pointer (&listener);
}

void
rd_listener_free (RdListener *listener)
{
  stop_sources (listener);
  g_ptr_array_unref (listener->sources);
  g_ptr_array_unref (listener->sockets);
  if (listener->spare_fd >= 0)
    close (listener->spare_fd);
  g_free (listener);
}

void
rd_listener_set_busy (RdListener *listener, gboolean busy)
{
  if (listener->is_busy == busy)
    return;

  listener->is_busy = busy;
  stop_sources (listener);
  start_sources (listener);
}

void
rd_listener_stop (RdListener *listener)
{
  if (listener->is_stopped)
    return;

  stop_sources (listener);
  listener->is_stopped = TRUE;
  for (guint i = 0; i < listener->sockets->len; i++)
    {
      int fd = g_socket_get_fd (listener->sockets->pdata[i]);

      for (int k = 0; k < BACKLOG && accept_one (listener, fd); k++)
        continue;
      /* On Linux this takes the socket out of the listening state but leaves it bound, so that
       * listening can go on later where it was. */
      shutdown (fd, SHUT_RD);
    }
}

void
rd_listener_resume (RdListener *listener)
{
  if (!listener->is_stopped)
    return;

  listener->is_stopped = FALSE;
  for (guint i = 0; i < listener->sockets->len; i++)
    if (listen (g_socket_get_fd (listener->sockets->pdata[i]), BACKLOG) != 0)
      {
        g_autofree char *name = format_address (listener->sockets->pdata[i]);

        g_warning ("Cannot listen on %s again: %s", name, g_strerror (errno));
      }
  start_sources (listener);
}

char **
rd_listener_dup_addresses (RdListener *listener)
{
  GStrvBuilder *builder = g_strv_builder_new ();
  char **addresses;

  for (guint i = 0; i < listener->sockets->len; i++)
    {
      g_autofree char *name = format_address (listener->sockets->pdata[i]);

      g_strv_builder_add (builder, name);
    }

  addresses = g_strv_builder_end (builder);
  g_strv_builder_unref (builder);
  return addresses;
}
