/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-drain.h"
#include "rd-http-port.h"
#include "rd-manager.h"

/* The public port: answers opening handshakes, and passes the sockets to the manager. */
typedef struct _RdServer RdServer;

typedef struct
{
  RdBindingOptions binding;
  const char *path;                 /* of the WebSocket: "/ws"; outlives the object */
  guint max_handshakes;             /* at a time; further connections wait in the backlog */
  const char *const *allow_origins; /* glob patterns, outlive the object; empty: any origin */
} RdServerOptions;

/* Listens, as rd_http_port_new(). While @drain does not accept clients, connections are refused, or
 * answered with 503 if the sockets are inherited. @metrics: outlives the object.
 * Returns: (transfer full): NULL with an error. */
RdServer *rd_server_new (RdManager *manager,
                         RdDrain *drain,
                         RdMetrics *metrics,
                         const RdServerOptions *options,
                         GError **error);
void rd_server_free (RdServer *server);

/* Returns: (transfer none): the port; it counts connections until they become clients. */
RdHttpPort *rd_server_get_port (RdServer *server);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdServer, rd_server_free)
