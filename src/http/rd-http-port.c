/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Accepts HTTP connections in batches, limits their number and lifetime, and serves them with
 * libsoup. Does not use SoupServer's own listener, which stops permanently after a failed accept()
 * and has a backlog of 10. */

#include "rd-http-port.h"

#include "rd-connections.h"
#include "rd-http.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <malloc.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_BATCH 16  /* maximum number of connections accepted per main loop iteration */
#define CROWD_SHARE  8   /* crowded: more than max_connections / CROWD_SHARE connections */
#define RETRY_MS     100 /* pause after a failed accept() */

/* Defaults of lifetime_us; CROWDED_LIFETIME_US applies while the port is full. */
#define LIFETIME_US         (10 * G_TIME_SPAN_SECOND)
#define CROWDED_LIFETIME_US (250 * G_TIME_SPAN_MILLISECOND)

/* A failed accept() is logged only if no accept() failed in the QUIET_US before. */
#define QUIET_US (60 * G_TIME_SPAN_SECOND)

struct _RdHttpPort
{
  RdBinding *binding; /* owned */
  RdRole role;
  const char *scheme; /* unowned: outlives us */
  const char *path;   /* unowned: outlives us */

  GArray *source_ids;    /* guint, owned: sources that poll the listening sockets */
  GPtrArray *offers;     /* RdSocket, owned, nullable: listening sockets of the old worker */
  gboolean is_paused;    /* not accepting, see rd_http_port_pause() */
  guint batch;           /* connections to accept per main loop iteration; 0: the port is full */
  guint retry_id;        /* timeout source: accepts again after a failed accept() */
  int spare_fd;          /* owned: refuse_one() closes it to free a descriptor; -1: none */
  gint64 quiet_until_us; /* CLOCK_MONOTONIC: no failure of accept() is logged before this time */

  RdConnections *connections; /* owned */
  guint max_connections;
  gboolean was_crowded; /* the port has been crowded (CROWD_SHARE) since the last malloc_trim() */
  guint trim_id;        /* idle source: calls malloc_trim() */
  SoupServer *soup;     /* owned */
  GSocketAddress *any;  /* owned: 0.0.0.0 */
  RdMetrics *metrics;   /* unowned, nullable: outlives us */
};

static void
count_refused (RdHttpPort *port, RdRefused why)
{
  if (port->metrics != NULL)
    port->metrics->refused[why]++;
}

static int
open_spare (void)
{
  return open ("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Accepts one connection and closes it. Used at the descriptor limit: a connection left in the
 * backlog would make each poll() return immediately. Returns 0 or the errno of accept(). */
static int
refuse_one (RdHttpPort *port, int listen_fd)
{
  int fd, accept_errno;

  if (port->spare_fd >= 0)
    close (port->spare_fd);
  fd = TEMP_FAILURE_RETRY (accept4 (listen_fd, NULL, NULL, SOCK_CLOEXEC));
  accept_errno = errno;
  if (fd >= 0)
    close (fd);
  port->spare_fd = open_spare ();
  if (fd < 0)
    return accept_errno;

  count_refused (port, RD_REFUSED_DESCRIPTORS);
  rd_connections_cut_oldest (port->connections); /* frees a descriptor for the next connection */
  return 0;
}

/* Serves HTTP on the accepted socket @fd (transfer full). */
static void
serve (RdHttpPort *port, int fd)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = g_socket_new_from_fd (fd, &error);
  g_autoptr (GSocketConnection) connection = NULL;

  if (socket == NULL)
    {
      g_debug ("Cannot use an accepted connection: %s", error->message);
      close (fd);
      return;
    }

  connection = g_socket_connection_factory_create_connection (socket);
  rd_connections_watch (port->connections, connection);
  if (!soup_server_accept_iostream (port->soup, G_IO_STREAM (connection), port->any, port->any,
                                    &error))
    g_debug ("Cannot serve a connection: %s", error->message);
}

static void
report_failure (RdHttpPort *port, int accept_errno)
{
  if (g_get_monotonic_time () >= port->quiet_until_us)
    {
      g_auto (GStrv) names = rd_binding_dup_addresses (port->binding);

      g_warning ("Cannot accept connections on %s: %s; trying again%s", names[0],
                 g_strerror (accept_errno),
                 accept_errno == EMFILE
                   ? "; if this persists, raise the descriptor limit (LimitNOFILE=, ulimit -Hn)"
                   : "");
    }
  port->quiet_until_us = g_get_monotonic_time () + QUIET_US;
}

static gboolean on_retry (gpointer user_data);
static void stop_sources (RdHttpPort *port);

/* Accepts one connection. Returns whether further connections may be pending. */
static gboolean
accept_one (RdHttpPort *port, int listen_fd)
{
  const int fd = accept4 (listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  const int accept_errno = errno;
  int refuse_errno;

  if (fd >= 0)
    {
      serve (port, fd);
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
      refuse_errno = refuse_one (port, listen_fd);
      if (refuse_errno == EAGAIN)
        return FALSE; /* no connection is pending; at the descriptor limit, accept() fails anyway */
      report_failure (port, accept_errno);
      if (refuse_errno == 0)
        return TRUE;
      break;

    default:
      report_failure (port, accept_errno);
    }

  stop_sources (port);
  port->retry_id = g_timeout_add (RETRY_MS, on_retry, port);
  return FALSE;
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  RdHttpPort *port = user_data;

  for (guint i = 0; i < port->batch && accept_one (port, fd); i++)
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

/* Polls the listening sockets in the main loop, or stops polling if the port is paused or full. */
static void
update_sources (RdHttpPort *port)
{
  GPtrArray *sockets = rd_binding_get_sockets (port->binding);

  stop_sources (port);
  if (port->is_paused || port->batch == 0)
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

static gboolean
on_trim (gpointer user_data)
{
  RdHttpPort *port = user_data;

  port->trim_id = 0;
  port->was_crowded = FALSE;
  malloc_trim (0);
  return G_SOURCE_REMOVE;
}

/* Sets the number of connections to accept per main loop iteration: one while the port is crowded,
 * so that older connections are served first. When the port was crowded and all connections have
 * closed, trims the heap: free() returns only memory at the end of the heap to the kernel. */
static void
on_count_changed (guint count, gpointer user_data)
{
  RdHttpPort *port = user_data;
  const gboolean is_crowded = count > port->max_connections / CROWD_SHARE;
  const gboolean is_full = count >= port->max_connections;
  const gboolean was_full = port->batch == 0;

  port->batch = is_full ? 0 : is_crowded ? 1 : ACCEPT_BATCH;
  if (was_full != is_full)
    update_sources (port);
  if (is_crowded)
    port->was_crowded = TRUE;
  else if (port->was_crowded && count == 0 && port->trim_id == 0)
    port->trim_id = g_idle_add_full (G_PRIORITY_LOW, on_trim, port, NULL);
}

static void
on_connection_cut (gboolean is_early, gpointer user_data)
{
  count_refused (user_data, is_early ? RD_REFUSED_FULL : RD_REFUSED_TIMEOUT);
}

/* Rejects a request with a body, and discards the body. libsoup reads the whole body before it
 * sends the response, unless the lifetime of the connection ends first. */
static void
on_headers (SoupServer *soup,
            SoupServerMessage *message,
            const char *path,
            GHashTable *query,
            gpointer user_data)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  SoupEncoding encoding = soup_message_headers_get_encoding (headers);

  if (encoding == SOUP_ENCODING_NONE
      || (encoding == SOUP_ENCODING_CONTENT_LENGTH
          && soup_message_headers_get_content_length (headers) == 0))
    return;

  soup_message_body_set_accumulate (soup_server_message_get_request_body (message), FALSE);
  rd_http_refuse (message, SOUP_STATUS_REQUEST_ENTITY_TOO_LARGE,
                  "Requests with a body are not supported; send the request without a body.");
}

static void
on_unknown (SoupServer *soup,
            SoupServerMessage *message,
            const char *path,
            GHashTable *query,
            gpointer user_data)
{
  rd_http_refuse (message, SOUP_STATUS_NOT_FOUND, RD_HTTP_NO_SUCH_PATH);
}

static const RdConnectionsEvents connections_events = { .cut = on_connection_cut,
                                                        .changed = on_count_changed };

RdHttpPort *
rd_http_port_new (const RdHttpPortOptions *options, GError **error)
{
  RdBinding *binding = rd_binding_new (options->binding, error);
  const gboolean has_limit = options->lifetime_us > 0;
  RdHttpPort *port;

  if (binding == NULL)
    return NULL;

  port = g_new0 (RdHttpPort, 1);
  port->binding = binding;
  port->role = options->binding->role;
  port->scheme = options->scheme;
  port->path = options->path;
  port->source_ids = g_array_new (FALSE, FALSE, sizeof (guint));
  port->batch = ACCEPT_BATCH;
  port->spare_fd = open_spare ();
  port->max_connections = options->max_connections;
  port->metrics = options->metrics;
  port->connections = rd_connections_new (
    options->max_connections, has_limit ? options->lifetime_us : LIFETIME_US,
    has_limit ? options->lifetime_us : CROWDED_LIFETIME_US, &connections_events, port);
  port->soup = soup_server_new (NULL, NULL);
  /* libsoup requires a local and a remote address per connection, but nothing uses them. Reading
   * the real ones would cost two system calls, and fail if the connection is already closed. */
  port->any = g_inet_socket_address_new_from_string ("0.0.0.0", 0);
  soup_server_add_early_handler (port->soup, NULL, on_headers, NULL, NULL);
  soup_server_add_handler (port->soup, NULL, on_unknown, NULL, NULL);

  if (options->binding->offers != NULL)
    {
      port->offers = g_ptr_array_ref (options->binding->offers);
      port->is_paused = TRUE;
    }
  update_sources (port);
  return port;
}

void
rd_http_port_free (RdHttpPort *port)
{
  stop_sources (port);
  g_clear_handle_id (&port->trim_id, g_source_remove);
  g_clear_pointer (&port->connections, rd_connections_free);
  soup_server_disconnect (port->soup);
  g_object_unref (port->soup);
  g_object_unref (port->any);
  g_array_unref (port->source_ids);
  if (port->spare_fd >= 0)
    close (port->spare_fd);
  rd_binding_free (port->binding);
  g_clear_pointer (&port->offers, g_ptr_array_unref);
  g_free (port);
}

void
rd_http_port_add_handler (RdHttpPort *port,
                          const char *path,
                          SoupServerCallback callback,
                          gpointer user_data)
{
  /* add on_headers() again: libsoup calls only the early handler of the longest matching path */
  soup_server_add_early_handler (port->soup, path, on_headers, NULL, NULL);
  soup_server_add_handler (port->soup, path, callback, user_data, NULL);
}

void
rd_http_port_release (RdHttpPort *port, GSocketConnection *connection)
{
  rd_connections_release (port->connections, connection);
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
  return rd_connections_get_count (port->connections);
}

char **
rd_http_port_dup_urls (RdHttpPort *port)
{
  char **urls = rd_binding_dup_addresses (port->binding);

  for (gsize i = 0; urls[i] != NULL; i++)
    {
      g_autofree char *address = urls[i];

      urls[i] = g_strconcat (port->scheme, "://", address, port->path, NULL);
    }

  return urls;
}
