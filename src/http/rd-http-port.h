/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <libsoup/soup.h>

#include "rd-binding.h"
#include "rd-metrics.h"

/* A port that serves HTTP with libsoup: its listening sockets and the connections to them. Paths
 * without a handler get 404. */
typedef struct _RdHttpPort RdHttpPort;

typedef struct
{
  const RdBindingOptions *binding;
  const char *scheme;    /* of the URLs: "ws"; outlives the port */
  const char *path;      /* of the URLs: "/ws", ""; outlives the port */
  guint max_connections; /* at a time; further ones wait in the backlog */
  gint64 lifetime_us;    /* connections are closed after this; 0: after 10 s, or after 250 ms while
                          * there are max_connections */
  RdMetrics *metrics;    /* nullable, outlives the port: counts connections closed by the port */
} RdHttpPortOptions;

/* Listens (see rd_binding_new()) and accepts connections; with @options->binding->offers it accepts
 * none until rd_http_port_resume(). Returns: (transfer full): NULL with an error that names address
 * and port. */
RdHttpPort *rd_http_port_new (const RdHttpPortOptions *options, GError **error);
void rd_http_port_free (RdHttpPort *port);

/* Serves @path and all paths below it with @callback. */
void rd_http_port_add_handler (RdHttpPort *port,
                               const char *path,
                               SoupServerCallback callback,
                               gpointer user_data);

/* Stops counting and timing a connection that was stolen from libsoup. */
void rd_http_port_release (RdHttpPort *port, GSocketConnection *connection);

/* Stops accepting connections and leaves them in the backlog, for this or another process. Accepted
 * connections are still served. */
void rd_http_port_pause (RdHttpPort *port);

/* Accepts connections again. The first call after a takeover also accepts the connections waiting
 * at unused offers of this port, and then shuts those sockets down. */
void rd_http_port_resume (RdHttpPort *port);

/* Accepts the connections in the backlog, then closes the sockets, so that new connections are
 * refused. Inherited sockets keep accepting: if closed, connections would wait in their backlog. */
void rd_http_port_stop (RdHttpPort *port);

/* Listens again after rd_http_port_stop(). Returns FALSE with an error, for example if another
 * program uses the port now. */
gboolean rd_http_port_reopen (RdHttpPort *port, GError **error);

/* Closes the listening sockets for good. Accepted connections are still served. */
void rd_http_port_close (RdHttpPort *port);

/* Adds copies of the listening sockets (RdSocket) to @offers. */
void rd_http_port_offer (RdHttpPort *port, GPtrArray *offers);

/* Returns the number of connections. */
guint rd_http_port_get_connections (RdHttpPort *port);

/* Returns: (transfer full): a URL for each address: "ws://127.0.0.1:8000/ws". */
char **rd_http_port_dup_urls (RdHttpPort *port);
