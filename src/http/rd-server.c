/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Accepts or refuses opening handshakes on both ports, and passes the sockets of accepted clients
 * to the manager. */

#include "rd-server.h"

#include "rd-error.h"
#include "rd-handshake.h"

#include <sys/socket.h>

struct _RdServer
{
  RdManager *manager;     /* owned */
  RdDrain *drain;         /* owned */
  RdHttpPort *port;       /* owned */
  RdHandshakeRules rules; /* the pointers in it outlive us */
  gboolean is_retired;    /* see rd_server_retire() */
};

/* Makes the connection at @fd (transfer full) a client. */
static void
admit (RdServer *server, int fd, gsize head_size, const char *response)
{
  char head[RD_PENDING_HEAD_MAX];
  g_autoptr (GError) error = NULL;

  /* remove the head from the input; what follows it are WebSocket frames */
  recv (fd, head, head_size, MSG_DONTWAIT);
  if (!rd_manager_admit (server->manager, fd, response, &error))
    g_warning ("Cannot serve a client after its handshake: %s", error->message);
}

gboolean
rd_server_answer (RdServer *server,
                  const char *path,
                  int fd,
                  const RdRequest *request,
                  RdPendingState *state)
{
  RdHandshakeRules rules = server->rules;
  g_auto (RdHandshake) handshake = { 0 };

  rules.path = path;
  rules.is_draining = server->is_retired || !rd_drain_is_accepting (server->drain);
  rules.is_full = ws_engine_is_full (rd_manager_get_engine (server->manager));
  switch (rd_handshake_check (&handshake, &rules, request))
    {
    case RD_HANDSHAKE_OTHER:
      return FALSE;
    case RD_HANDSHAKE_REFUSED:
      *state = rd_http_port_refuse (server->port, fd, request, &handshake.refusal);
      break;
    case RD_HANDSHAKE_ACCEPTED:
      *state = RD_PENDING_TAKEN;
      admit (server, fd, request->size, handshake.response);
      break;
    }

  return TRUE;
}

static gboolean
on_request (int fd, const RdRequest *request, RdPendingState *state, gpointer user_data)
{
  RdServer *server = user_data;

  return rd_server_answer (server, server->rules.path, fd, request, state);
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
                                           .max_fd = options->max_fd,
                                           .func = on_request,
                                           .user_data = server,
                                           .metrics = metrics };

  server->manager = g_object_ref (manager);
  server->drain = g_object_ref (drain);
  server->rules = (RdHandshakeRules){ .path = options->path,
                                      .subprotocols = options->subprotocols,
                                      .allow_origins = options->allow_origins };
  server->port = rd_http_port_new (&port_options, error);
  if (server->port == NULL)
    return NULL;

  g_signal_connect_swapped (drain, "accepting-changed", G_CALLBACK (on_accepting_changed), server);
  rd_drain_set_reopen_func (drain, reopen, server);
  g_signal_connect_swapped (drain, "state-changed", G_CALLBACK (on_state_changed), server);
  return g_steal_pointer (&server);
}

void
rd_server_free (RdServer *server)
{
  g_signal_handlers_disconnect_by_data (server->drain, server);
  rd_drain_set_reopen_func (server->drain, NULL, NULL);
  g_clear_pointer (&server->port, rd_http_port_free);
  g_object_unref (server->drain);
  g_object_unref (server->manager);
  g_free (server);
}

void
rd_server_retire (RdServer *server)
{
  server->is_retired = TRUE;
  rd_http_port_close (server->port);
}

RdHttpPort *
rd_server_get_port (RdServer *server)
{
  return server->port;
}
