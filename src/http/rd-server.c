/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Accepts or rejects opening handshakes on the public port. libsoup handles a connection until
 * it has sent the 101 response; then this file takes the socket and passes it to the manager. */

#include "rd-server.h"

#include "rd-error.h"
#include "rd-http.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define EARLY_MAX     (16 * 1024) /* buffer for bytes after a handshake; libsoup's has 8192 bytes */
#define RETRY_AFTER_S "5"

struct _RdServer
{
  RdManager *manager;               /* owned */
  RdDrain *drain;                   /* owned */
  RdMetrics *metrics;               /* unowned: outlives us */
  RdHttpPort *port;                 /* owned */
  const char *path;                 /* unowned: outlives us */
  const char *const *allow_origins; /* unowned: outlives us */
  GQueue admissions;                /* Admission, unowned: handshakes in progress */
};

/* An accepted handshake whose 101 response has not been sent yet. */
typedef struct
{
  RdServer *server; /* unowned; NULL after rd_server_free() */
  GList link;       /* in server->admissions */
  int fd;           /* owned: reserved descriptor, which dup3() will replace with the socket */
} Admission;

static void
admission_free (gpointer data, GClosure *closure)
{
  Admission *admission = data;

  if (admission->fd >= 0)
    close (admission->fd);
  if (admission->server != NULL)
    g_queue_unlink (&admission->server->admissions, &admission->link);
  g_free (admission);
}

/* Passes the socket to the manager after libsoup has sent the 101 response. */
static void
on_handshake_sent (SoupServerMessage *message, gpointer user_data)
{
  Admission *admission = user_data;
  RdServer *server = admission->server;
  g_autoptr (SoupServerMessage) alive G_GNUC_UNUSED = g_object_ref (message);
  g_autoptr (GIOStream) stream = soup_server_message_steal_connection (message);
  g_autoptr (GIOStream) base = NULL;
  GPollableInputStream *input = G_POLLABLE_INPUT_STREAM (g_io_stream_get_input_stream (stream));
  guint8 early[EARLY_MAX]; /* bytes that followed the handshake, if the stream has buffered any */
  gssize size = g_pollable_input_stream_read_nonblocking (input, early, sizeof early, NULL, NULL);
  g_autoptr (GError) error = NULL;
  gboolean is_moved;

  g_object_get (stream, "base-iostream", &base, NULL);
  is_moved = dup3 (g_socket_get_fd (g_socket_connection_get_socket (G_SOCKET_CONNECTION (base))),
                   admission->fd, O_CLOEXEC)
             >= 0;
  g_io_stream_close (stream, NULL, NULL); /* unreferencing would not close the descriptor */
  if (server == NULL || !is_moved)
    return;

  rd_http_port_release (server->port, G_SOCKET_CONNECTION (base));
  if (!rd_manager_admit (server->manager, g_steal_fd (&admission->fd), early, MAX (size, 0),
                         &error))
    g_warning ("Cannot serve a client after its handshake: %s", error->message);
}

static void
refuse (RdServer *server,
        SoupServerMessage *message,
        RdRefused reason,
        guint status,
        const char *line)
{
  if (status == SOUP_STATUS_SERVICE_UNAVAILABLE)
    soup_message_headers_replace (soup_server_message_get_response_headers (message), "Retry-After",
                                  RETRY_AFTER_S);
  server->metrics->refused[reason]++;
  rd_http_refuse (message, status, line);
}

/* Returns TRUE if the request asks for an upgrade to a WebSocket of version 13 (RFC 6455 §4.2.1,
 * §4.4); otherwise sends 426 and returns FALSE. */
static gboolean
require_upgrade (RdServer *server, SoupServerMessage *message)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  SoupMessageHeaders *answer = soup_server_message_get_response_headers (message);
  const char *upgrade = soup_message_headers_get_one (headers, "Upgrade");
  const char *version = soup_message_headers_get_one (headers, "Sec-WebSocket-Version");

  if (upgrade != NULL && g_ascii_strcasecmp (upgrade, "websocket") == 0
      && g_strcmp0 (version, "13") == 0)
    return TRUE;

  soup_message_headers_replace (answer, "Connection", "Upgrade");
  soup_message_headers_replace (answer, "Upgrade", "websocket");
  soup_message_headers_replace (answer, "Sec-WebSocket-Version", "13");
  refuse (server, message, RD_REFUSED_HANDSHAKE, RD_HTTP_UPGRADE_REQUIRED,
          "This path is a WebSocket endpoint (version 13); use a WebSocket client.");
  return FALSE;
}

static void
accept_handshake (RdServer *server, SoupServerMessage *message)
{
  Admission *admission;
  int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);

  if (fd < 0)
    {
      refuse (server, message, RD_REFUSED_DESCRIPTORS, SOUP_STATUS_SERVICE_UNAVAILABLE,
              "The client limit is reached; try again later.");
      return;
    }

  if (!soup_websocket_server_process_handshake (message, NULL, NULL, NULL, NULL))
    {
      close (fd);
      refuse (server, message, RD_REFUSED_HANDSHAKE, SOUP_STATUS_BAD_REQUEST,
              "Invalid opening handshake; see RFC 6455, section 4.1.");
      return;
    }

  admission = g_new0 (Admission, 1);
  admission->server = server;
  admission->fd = fd;
  admission->link.data = admission;
  g_queue_push_tail_link (&server->admissions, &admission->link);
  g_signal_connect_data (message, "wrote-informational", G_CALLBACK (on_handshake_sent), admission,
                         admission_free, 0);
}

static void
refuse_origin (RdServer *server, SoupServerMessage *message, const char *origin)
{
  g_autofree char *line = rd_origins_dup_refusal (origin);

  refuse (server, message, RD_REFUSED_ORIGIN, SOUP_STATUS_FORBIDDEN, line);
}

static void
on_request (SoupServer *soup,
            SoupServerMessage *message,
            const char *path,
            GHashTable *query,
            gpointer user_data)
{
  RdServer *server = user_data;
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  const char *origin = soup_message_headers_get_list (headers, "Origin");
  WsEngine *engine = rd_manager_get_engine (server->manager);

  if (!g_str_equal (path, server->path))
    rd_http_refuse (message, SOUP_STATUS_NOT_FOUND, RD_HTTP_NO_SUCH_PATH);
  else if (!rd_http_require_get (message) || !require_upgrade (server, message))
    return;
  else if (!rd_drain_is_accepting (server->drain))
    refuse (server, message, RD_REFUSED_DRAINING, SOUP_STATUS_SERVICE_UNAVAILABLE,
            "The service is draining; try again later.");
  else if (ws_engine_is_full (engine, server->admissions.length))
    refuse (server, message, RD_REFUSED_FULL, SOUP_STATUS_SERVICE_UNAVAILABLE,
            "The client limit is reached; try again later.");
  else if (!rd_origins_may_connect (server->allow_origins, origin,
                                    soup_message_headers_get_list (headers, "Host")))
    refuse_origin (server, message, origin);
  else
    accept_handshake (server, message);
}

static void
on_accepting_changed (RdServer *server)
{
  if (!rd_drain_is_accepting (server->drain))
    rd_http_port_stop (server->port);
}

static gboolean
reopen (gpointer user_data, GError **error)
{
  RdServer *server = user_data;
  g_autoptr (GError) reason = NULL;

  if (rd_http_port_reopen (server->port, &reason))
    return TRUE;

  g_set_error_literal (error, RD_ERROR, RD_ERROR_CANNOT_LISTEN, reason->message);
  return FALSE;
}

/* Closes the listening sockets after a drain. The service manager keeps inherited sockets, with
 * their backlog, for the next process. */
static void
on_state_changed (RdServer *server)
{
  if (rd_drain_is_drained (server->drain))
    rd_http_port_close (server->port);
}

RdServer *
rd_server_new (RdManager *manager,
               RdDrain *drain,
               RdMetrics *metrics,
               const RdServerOptions *options,
               GError **error)
{
  g_autoptr (RdServer) server = g_new0 (RdServer, 1);
  const RdHttpPortOptions port_options = { .binding = &options->binding,
                                           .scheme = "ws",
                                           .path = options->path,
                                           .max_connections = options->max_handshakes,
                                           .metrics = metrics };

  server->manager = g_object_ref (manager);
  server->drain = g_object_ref (drain);
  server->metrics = metrics;
  server->path = options->path;
  server->allow_origins = options->allow_origins;
  server->port = rd_http_port_new (&port_options, error);
  if (server->port == NULL)
    return NULL;

  rd_http_port_add_handler (server->port, server->path, on_request, server);
  g_signal_connect_swapped (drain, "accepting-changed", G_CALLBACK (on_accepting_changed), server);
  rd_drain_set_reopen_func (drain, reopen, server);
  g_signal_connect_swapped (drain, "state-changed", G_CALLBACK (on_state_changed), server);
  return g_steal_pointer (&server);
}

void
rd_server_free (RdServer *server)
{
  for (GList *l = server->admissions.head; l != NULL; l = l->next)
    ((Admission *) l->data)->server = NULL;
  g_signal_handlers_disconnect_by_data (server->drain, server);
  rd_drain_set_reopen_func (server->drain, NULL, NULL);
  g_clear_pointer (&server->port, rd_http_port_free);
  g_object_unref (server->drain);
  g_object_unref (server->manager);
  g_free (server);
}

RdHttpPort *
rd_server_get_port (RdServer *server)
{
  return server->port;
}
