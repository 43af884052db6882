/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Accepts connections by itself, because SoupServer's own listener stops for ever after a failed
 * accept() and has a backlog of 10. Here the backlog is long, accepting goes by batches, and
 * a want of descriptors refuses one connection, not the service. Does not know where the sockets
 * are from, nor what connections are for. */

#include "rd-listener.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gi18n.h>
#include <sys/socket.h>
#include <unistd.h>

#define RETRY_MS 100 /* until the next try, after an error that will not pass by itself */
#define QUIET_US (60 * G_TIME_SPAN_SECOND) /* without such errors, until the next is news */

struct _RdListener
{
  RdBinding *binding; /* unowned: outlives us */
  GPtrArray *sources; /* GSource, owned; none while stopped, paused, at no pace, or to retry */
  RdListenerFunc func;
  gpointer user_data; /* unowned */
  int spare_fd;       /* owned: given up to refuse a connection when none is left */
  guint retry_id;
  gboolean is_paused;
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
      g_auto (GStrv) names = rd_binding_dup_addresses (listener->binding);

      /* Translators: an address with its port, and the reason */
      g_warning (_ ("Cannot accept connections on %s: %s; refusing them until that is over"),
                 names[0], g_strerror (accept_errno));
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
  GPtrArray *sockets = rd_binding_get_sockets (listener->binding);

  if (listener->is_paused || listener->pace == 0)
    return;

  for (guint i = 0; i < sockets->len; i++)
    {
      const RdSocket *socket = sockets->pdata[i];
      GSource *source = g_unix_fd_source_new (g_socket_get_fd (socket->socket), G_IO_IN);

      g_source_set_callback (source, G_SOURCE_FUNC (on_readable), listener, NULL);
      g_source_attach (source, NULL);
      g_ptr_array_add (listener->sources, source);
    }
}

void
rd_listener_close (RdListener *listener)
{
  stop_sources (listener);
  rd_binding_close (listener->binding);
}

RdListener *
rd_listener_new (RdBinding *binding, RdListenerFunc func, gpointer user_data)
{
  RdListener *listener = g_new0 (RdListener, 1);

  listener->binding = binding;
  listener->sources = g_ptr_array_new_with_free_func ((GDestroyNotify) g_source_unref);
  listener->func = func;
  listener->user_data = user_data;
  listener->is_paused = TRUE;
  listener->pace = 1;
  listener->spare_fd = open_spare ();
  return listener;
}

void
rd_listener_free (RdListener *listener)
{
  stop_sources (listener);
  g_ptr_array_unref (listener->sources);
  if (listener->spare_fd >= 0)
    close (listener->spare_fd);
  g_free (listener);
}

void
rd_listener_set_pace (RdListener *listener, guint pace)
{
  const gboolean had_none = listener->pace == 0;

  listener->pace = pace;
  if (had_none == (pace == 0))
    return;

  stop_sources (listener);
  start_sources (listener);
}

void
rd_listener_resume (RdListener *listener)
{
  if (!listener->is_paused)
    return;

  listener->is_paused = FALSE;
  start_sources (listener);
}

void
rd_listener_pause (RdListener *listener)
{
  listener->is_paused = TRUE;
  stop_sources (listener);
}

void
rd_listener_accept_waiting (RdListener *listener, GSocket *socket)
{
  for (int i = 0; i < RD_BINDING_BACKLOG && accept_one (listener, g_socket_get_fd (socket)); i++)
    continue;
}

void
rd_listener_stop (RdListener *listener)
{
  GPtrArray *sockets = rd_binding_get_sockets (listener->binding);

  if (rd_binding_is_inherited (listener->binding))
    return;

  for (guint i = 0; i < sockets->len; i++)
    rd_listener_accept_waiting (listener, ((RdSocket *) sockets->pdata[i])->socket);
  rd_listener_close (listener);
}

gboolean
rd_listener_reopen (RdListener *listener, GError **error)
{
  if (rd_binding_is_inherited (listener->binding))
    return TRUE;
  if (!rd_binding_reopen (listener->binding, error))
    return FALSE;

  stop_sources (listener);
  start_sources (listener);
  return TRUE;
}
