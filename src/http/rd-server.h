/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-drain.h"
#include "rd-http-port.h"
#include "rd-manager.h"

/* The public port: performs opening handshakes (RFC 6455), and passes sockets to the manager. */
typedef struct _RdServer RdServer;

typedef struct
{
  RdBindingOptions binding;
  const char *path;                 /* WebSocket path, such as "/ws"; must outlive the object */
  int max_fd;                       /* no connection may have a higher descriptor; 0: no limit */
  const char *const *subprotocols;  /* supported subprotocols; must outlive the object */
  const char *const *allow_origins; /* see rd_origins_may_connect(); must outlive the object */
} RdServerOptions;

/* Listens like rd_http_port_new(). While @drain does not accept clients, new connections are
 * refused, or answered with 503 if the sockets are inherited. @metrics must outlive the object.
 * Returns: (transfer full) (nullable): the server, or NULL with an error. */
RdServer *rd_server_new (RdManager *manager,
                         RdDrain *drain,
                         RdMetrics *metrics,
                         const RdServerOptions *options,
                         GError **error);
void rd_server_free (RdServer *server);

/* Accepts or refuses @request, from the connection @fd of any port, as an opening handshake. Does
 * nothing if its path is not @path. Returns: see RdHttpPortFunc. */
gboolean rd_server_answer (RdServer *server,
                           const char *path,
                           int fd,
                           const RdRequest *request,
                           RdPendingState *state);

/* Closes the listening sockets permanently, and refuses all further handshakes, since another
 * process serves the clients now. */
void rd_server_retire (RdServer *server);

/* Returns: (transfer none): the RdHttpPort of @server, for connections that are not clients yet. */
RdHttpPort *rd_server_get_port (RdServer *server);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdServer, rd_server_free)
