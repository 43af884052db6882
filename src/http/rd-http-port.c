/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Accepts HTTP connections in batches, and serves requests with libsoup once their heads are
 * complete. Does not use SoupServer's own listener, which stops permanently after a failed accept()
 * and has a backlog of 10. */

#include "rd-http-port.h"

#include "rd-http.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_BATCH 64  /* maximum number of connections accepted per main loop iteration */
#define RETRY_MS     100 /* pause after a failed accept() */
#define LIFETIME_US  (10 * G_TIME_SPAN_SECOND) /* default of lifetime_us */

/* A failed accept() is logged only if no accept() failed in the QUIET_US before. */
#define QUIET_US (60 * G_TIME_SPAN_SECOND)

struct _RdHttpPort
{
  RdHttpPortOptions options; /* binding is NULL */
  RdBinding *binding;        /* owned */
  RdRole role;

  GArray *source_ids;    /* guint, owned: sources that poll the listening sockets */
  GPtrArray *offers;     /* RdSocket, owned, nullable: listening sockets of the old worker */
  gboolean is_paused;    /* not accepting, see rd_http_port_pause() */
  guint retry_id;        /* timeout source: accepts again after a failed accept() */
  int spare_fd;          /* owned: accept_at_limit() closes it to free a descriptor; -1: none */
  gint64 quiet_until_us; /* CLOCK_MONOTONIC: no failure of accept() is logged before this time */

  RdPending *pending;  /* owned */
  SoupServer *soup;    /* owned */
  GSocketAddress *any; /* owned: 0.0.0.0 */
};

static void
count_refused (RdHttpPort *port, RdRefused why)
{
  if (port->options.metrics != NULL)
    port->options.metrics->refused[why]++;
}

/* Counts and logs a refused connection. See rd_http_log_refused(). */
static void
report_refused (RdHttpPort *port, RdRefused why, int fd, const char *text)
{
  count_refused (port, why);
  rd_http_log_refused (fd, rd_refused_get_name (why), text);
}

static int
open_spare (void)
{
  return open ("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Closes the connection that has waited longest for its request. Returns: FALSE if none waits. */
static gboolean
close_oldest (RdHttpPort *port, RdRefused reason)
{
  if (!rd_pending_close_oldest (port->pending, RD_PENDING_WAITING))
    return FALSE;

  report_refused (port, reason, -1, NULL);
  return TRUE;
}

static void
report_failure (RdHttpPort *port, int accept_errno)
{
  if (g_get_monotonic_time () >= port->quiet_until_us)
    {
      g_auto (GStrv) names = rd_binding_dup_addresses (port->binding);

      g_warning (
        "Cannot accept all connections on %s: %s; trying again%s", names[0],
        g_strerror (accept_errno),
        accept_errno == EMFILE
          ? ". If this persists, raise the descriptor limit (LimitNOFILE=, ulimit -Hn), or "
            "find out which clients connect but send no request (ss -tn)"
          : "");
    }
  port->quiet_until_us = g_get_monotonic_time () + QUIET_US;
}

/* Waits for the request of the accepted connection @fd (transfer full). If @is_scarce is TRUE, the
 * connection needs the descriptor of another one: of one that is answered, or else of the one that
 * has waited longest for its request. If there is none, closes @fd. */
static void
add_connection (RdHttpPort *port, int fd, gboolean is_scarce)
{
  if (is_scarce)
    report_failure (port, EMFILE);
  if (is_scarce && !rd_pending_close_oldest (port->pending, RD_PENDING_ANSWERED)
      && !close_oldest (port, RD_REFUSED_DESCRIPTORS))
    {
      report_refused (port, RD_REFUSED_DESCRIPTORS, fd, NULL);
      close (fd);
      return;
    }

  if (port->options.max_waiting > 0
      && rd_pending_count (port->pending, RD_PENDING_WAITING) >= port->options.max_waiting)
    close_oldest (port, RD_REFUSED_FULL);
  rd_pending_add (port->pending, fd);
}

/* Accepts one connection at the descriptor limit, with the spare descriptor: a connection left in
 * the backlog would make each poll() return immediately. Returns 0 or the errno of accept(). */
static int
accept_at_limit (RdHttpPort *port, int listen_fd)
{
  int fd, accept_errno;

  if (port->spare_fd >= 0)
    close (port->spare_fd);
  fd = TEMP_FAILURE_RETRY (accept4 (listen_fd, NULL, NULL, SOCK_CLOEXEC));
  accept_errno = errno;
  if (fd >= 0)
    {
      g_unix_set_fd_nonblocking (fd, TRUE, NULL);
      add_connection (port, fd, TRUE);
    }
  port->spare_fd = open_spare ();
  return fd >= 0 ? 0 : accept_errno;
}

static gboolean on_retry (gpointer user_data);
static void stop_sources (RdHttpPort *port);

/* Accepts one connection. Returns whether further connections may be pending. */
static gboolean
accept_one (RdHttpPort *port, int listen_fd)
{
  const int fd = accept4 (listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  int accept_errno = errno;

  if (fd >= 0)
    {
      rd_http_port_add_waiting (port, fd);
      return TRUE;
    }

  switch (accept_errno)
    {
    case EAGAIN:
      return FALSE;

    case EINTR:
    case ECONNABORTED: /* from here to ENETUNREACH: only one connection failed, see accept(2) */
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
      return TRUE;

    case EMFILE:
    case ENFILE:
      accept_errno = accept_at_limit (port, listen_fd);
      if (accept_errno == EAGAIN)
        return FALSE; /* no connection is pending; at the descriptor limit, accept() fails anyway */
      if (accept_errno == 0)
        return TRUE;
    }

  report_failure (port, accept_errno);
  stop_sources (port);
  port->retry_id = g_timeout_add (RETRY_MS, on_retry, port);
  return FALSE;
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  RdHttpPort *port = user_data;

  for (guint i = 0; i < ACCEPT_BATCH && accept_one (port, fd); i++)
    continue;

  return G_SOURCE_CONTINUE;
}

/* Accepts all pending connections of @socket, even if the main loop does not poll @socket. */
static void
accept_waiting (RdHttpPort *port, GSocket *socket)
{
  for (int i = 0; i < RD_BINDING_BACKLOG && accept_one (port, g_socket_get_fd (socket)); i++)
    continue;
}

static void
stop_sources (RdHttpPort *port)
{
  for (guint i = 0; i < port->source_ids->len; i++)
    g_source_remove (g_array_index (port->source_ids, guint, i));
  g_array_set_size (port->source_ids, 0);
  g_clear_handle_id (&port->retry_id, g_source_remove);
}

/* Polls the listening sockets in the main loop, or stops polling if the port is paused. */
static void
update_sources (RdHttpPort *port)
{
  GPtrArray *sockets = rd_binding_get_sockets (port->binding);

  stop_sources (port);
  if (port->is_paused)
    return;

  for (guint i = 0; i < sockets->len; i++)
    {
      const RdSocket *socket = sockets->pdata[i];
      guint id = g_unix_fd_add (g_socket_get_fd (socket->socket), G_IO_IN, on_readable, port);

      g_array_append_val (port->source_ids, id);
    }
}

static gboolean
on_retry (gpointer user_data)
{
  RdHttpPort *port = user_data;

  port->retry_id = 0;
  update_sources (port);
  return G_SOURCE_REMOVE;
}

RdPendingState
rd_http_port_refuse (RdHttpPort *port, int fd, const RdRequest *request, const RdRefusal *refusal)
{
  const gboolean is_head = g_strcmp0 (request->method, SOUP_METHOD_HEAD) == 0;
  g_autofree char *response = rd_refusal_format (refusal, is_head);

  report_refused (port, refusal->reason, fd, refusal->text);
  /* the send buffer is empty, and larger than any response */
  send (fd, response, strlen (response), MSG_DONTWAIT | MSG_NOSIGNAL);
  return RD_PENDING_ANSWERED;
}

/* Serves HTTP with libsoup, which reads the request again. */
static void
on_serve (GSocketConnection *connection, gpointer user_data)
{
  RdHttpPort *port = user_data;
  g_autoptr (GSocketAddress) remote = NULL;
  g_autoptr (GError) error = NULL;

  if (g_log_get_debug_enabled ())
    remote = g_socket_connection_get_remote_address (connection, NULL);

  if (!soup_server_accept_iostream (port->soup, G_IO_STREAM (connection), port->any,
                                    remote != NULL ? remote : port->any, &error))
    g_debug ("Cannot serve a connection: %s", error->message);
}

static RdPendingState
on_look (int fd, const char *data, gsize size, gboolean is_last, gpointer user_data)
{
  RdHttpPort *port = user_data;
  g_auto (RdRequest) request = { .size = rd_request_find_end (data,
                                                              MIN (size, RD_PENDING_HEAD_MAX)) };
  RdRefusal refusal = { 0 };
  RdPendingState state;

  if (!rd_request_may_begin (data, size, &refusal))
    return rd_http_port_refuse (port, fd, &request, &refusal);
  if (request.size == 0)
    return rd_request_may_wait (size, is_last, &refusal)
             ? RD_PENDING_WAITING
             : rd_http_port_refuse (port, fd, &request, &refusal);
  if (!rd_request_parse (&request, data, request.size, &refusal))
    return rd_http_port_refuse (port, fd, &request, &refusal);
  if (port->options.func != NULL
      && port->options.func (fd, &request, &state, port->options.user_data))
    return state;

  return rd_request_has_valid_uri (&request, &refusal)
           ? RD_PENDING_SERVED
           : rd_http_port_refuse (port, fd, &request, &refusal);
}

static void
on_timed_out (int fd, gpointer user_data)
{
  report_refused (user_data, RD_REFUSED_TIMEOUT, fd, NULL);
}

static void
on_unknown (SoupServer *soup,
            SoupServerMessage *message,
            const char *path,
            GHashTable *query,
            gpointer user_data)
{
  count_refused (user_data, RD_REFUSED_PATH);
  rd_http_refuse (message, SOUP_STATUS_NOT_FOUND, "No such path; check the URL.");
}

static const RdPendingEvents pending_events
  = { .look = on_look, .serve = on_serve, .timed_out = on_timed_out };

RdHttpPort *
rd_http_port_new (const RdHttpPortOptions *options, GError **error)
{
  g_autoptr (RdHttpPort) port = g_new0 (RdHttpPort, 1);

  port->options = *options;
  port->options.binding = NULL;
  port->role = options->binding->role;
  port->source_ids = g_array_new (FALSE, FALSE, sizeof (guint));
  port->spare_fd = open_spare ();
  port->binding = rd_binding_new (options->binding, error);
  if (port->binding == NULL)
    return NULL;
  port->pending = rd_pending_new (options->lifetime_us > 0 ? options->lifetime_us : LIFETIME_US,
                                  &pending_events, port, error);
  if (port->pending == NULL)
    return NULL;

  port->soup = soup_server_new (NULL, NULL);
  /* libsoup requires both addresses of a connection; only the remote one is used, by
   * rd_http_refuse() */
  port->any = g_inet_socket_address_new_from_string ("0.0.0.0", 0);
  soup_server_add_handler (port->soup, NULL, on_unknown, port, NULL);

  if (options->binding->offers != NULL)
    {
      port->offers = g_ptr_array_ref (options->binding->offers);
      port->is_paused = TRUE;
    }
  update_sources (port);
  return g_steal_pointer (&port);
}

void
rd_http_port_free (RdHttpPort *port)
{
  stop_sources (port);
  g_clear_pointer (&port->pending, rd_pending_free);
  if (port->soup != NULL)
    soup_server_disconnect (port->soup);
  g_clear_object (&port->soup);
  g_clear_object (&port->any);
  g_array_unref (port->source_ids);
  if (port->spare_fd >= 0)
    close (port->spare_fd);
  g_clear_pointer (&port->binding, rd_binding_free);
  g_clear_pointer (&port->offers, g_ptr_array_unref);
  g_free (port);
}

void
rd_http_port_add_handler (RdHttpPort *port,
                          const char *path,
                          SoupServerCallback callback,
                          gpointer user_data)
{
  soup_server_add_handler (port->soup, path, callback, user_data, NULL);
}

void
rd_http_port_pause (RdHttpPort *port)
{
  port->is_paused = TRUE;
  stop_sources (port);
}

/* For each socket in port->offers that has the same role as this port: accepts the pending
 * connections, and shuts the socket down. The list contains only sockets that no port of this
 * process uses. After shutdown(2), the socket does not listen in any other process, either. */
static void
close_unused_offers (RdHttpPort *port)
{
  for (guint i = port->offers->len; i > 0; i--)
    {
      const RdSocket *offer = port->offers->pdata[i - 1];

      if (offer->role != port->role)
        continue;
      accept_waiting (port, offer->socket);
      g_socket_shutdown (offer->socket, TRUE, TRUE, NULL);
      g_ptr_array_remove_index (port->offers, i - 1);
    }
}

void
rd_http_port_resume (RdHttpPort *port)
{
  if (port->offers != NULL)
    {
      rd_binding_share (port->binding);
      close_unused_offers (port);
      g_clear_pointer (&port->offers, g_ptr_array_unref);
    }

  port->is_paused = FALSE;
  update_sources (port);
}

void
rd_http_port_stop (RdHttpPort *port)
{
  GPtrArray *sockets = rd_binding_get_sockets (port->binding);

  if (rd_binding_is_inherited (port->binding))
    return;

  for (guint i = 0; i < sockets->len; i++)
    accept_waiting (port, ((RdSocket *) sockets->pdata[i])->socket);
  rd_http_port_close (port);
}

gboolean
rd_http_port_reopen (RdHttpPort *port, GError **error)
{
  if (rd_binding_is_inherited (port->binding))
    return TRUE;
  if (!rd_binding_reopen (port->binding, error))
    return FALSE;

  update_sources (port);
  return TRUE;
}

void
rd_http_port_close (RdHttpPort *port)
{
  stop_sources (port);
  rd_binding_close (port->binding);
}

void
rd_http_port_offer (RdHttpPort *port, GPtrArray *offers)
{
  GPtrArray *sockets = rd_binding_get_sockets (port->binding);

  for (guint i = 0; i < sockets->len; i++)
    g_ptr_array_add (offers, rd_socket_copy (sockets->pdata[i]));
}

guint
rd_http_port_get_connections (RdHttpPort *port)
{
  guint n = 0;

  for (guint state = 0; state < RD_PENDING_N; state++)
    n += rd_pending_count (port->pending, state);
  return n;
}

gboolean
rd_http_port_is_busy (RdHttpPort *port)
{
  return rd_pending_count (port->pending, RD_PENDING_SERVED)
           + rd_pending_count (port->pending, RD_PENDING_HELD)
         > 0;
}

GArray *
rd_http_port_steal_waiting (RdHttpPort *port)
{
  return rd_pending_steal_waiting (port->pending);
}

void
rd_http_port_add_waiting (RdHttpPort *port, int fd)
{
  /* the kernel assigns the lowest free number: if it is high, few descriptors are left */
  add_connection (port, fd, port->options.max_fd > 0 && fd > port->options.max_fd);
}

char **
rd_http_port_dup_urls (RdHttpPort *port)
{
  char **urls = rd_binding_dup_addresses (port->binding);

  for (gsize i = 0; urls[i] != NULL; i++)
    {
      g_autofree char *address = urls[i];

      urls[i] = g_strconcat (port->options.scheme, "://", address, port->options.path, NULL);
    }

  return urls;
}
