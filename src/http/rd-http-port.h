/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <libsoup/soup.h>

#include "rd-binding.h"
#include "rd-metrics.h"
#include "rd-pending.h"
#include "rd-request.h"

/* A port that serves HTTP: its listening sockets and the accepted connections. The port itself
 * reads the head of each request, and refuses invalid requests. SoupServer serves the other
 * requests; a request for a path without a handler gets 404. */
typedef struct _RdHttpPort RdHttpPort;

/* Called for each valid request. @fd: the socket, whose input still contains the head. Returns:
 * TRUE with the next state of the connection, or FALSE if SoupServer has to serve the request. */
typedef gboolean (*RdHttpPortFunc) (int fd,
                                    const RdRequest *request,
                                    RdPendingState *state,
                                    gpointer user_data);

typedef struct
{
  const RdBindingOptions *binding;
  const char *scheme;  /* scheme of the URLs, such as "ws"; must outlive the port */
  const char *path;    /* path of the URLs, such as "/ws", or ""; must outlive the port */
  guint max_waiting;   /* maximum number of connections without a complete request; 0: no limit */
  int max_fd;          /* no connection may have a higher descriptor; 0: no limit */
  gint64 lifetime_us;  /* maximum lifetime of a connection; 0: 10 s */
  RdHttpPortFunc func; /* nullable */
  gpointer user_data;
  RdMetrics *metrics; /* nullable: counts refused connections; must outlive the port */
} RdHttpPortOptions;

/* Listens (see rd_binding_new()) and accepts connections. If @options->binding->offers is not NULL,
 * accepts no connections before rd_http_port_resume(). Returns: (transfer full) (nullable): the
 * port, or NULL with an error that names address and port. */
RdHttpPort *rd_http_port_new (const RdHttpPortOptions *options, GError **error);
void rd_http_port_free (RdHttpPort *port);

/* Calls @callback for each request to @path or a path below it. */
void rd_http_port_add_handler (RdHttpPort *port,
                               const char *path,
                               SoupServerCallback callback,
                               gpointer user_data);

/* Sends @refusal to the client at @fd, and counts it. Returns: the next state of the connection. */
RdPendingState rd_http_port_refuse (RdHttpPort *port,
                                    int fd,
                                    const RdRequest *request,
                                    const RdRefusal *refusal);

/* Stops accepting connections. New connections wait in the backlog until this process or another
 * one accepts them; accepted connections are still served. */
void rd_http_port_pause (RdHttpPort *port);

/* Accepts connections again. After a takeover, the old worker may have sockets of this port that
 * are no longer used: the first call accepts their pending connections, and shuts them down. */
void rd_http_port_resume (RdHttpPort *port);

/* Accepts the connections in the backlog, then closes the listening sockets, so that new
 * connections are refused. Has no effect on inherited sockets: the service manager keeps them open,
 * so the port continues to accept connections. */
void rd_http_port_stop (RdHttpPort *port);

/* Listens again after rd_http_port_stop(). Returns: TRUE, or FALSE with an error, for example if
 * another program now uses the port. */
gboolean rd_http_port_reopen (RdHttpPort *port, GError **error);

/* Closes the listening sockets permanently. Accepted connections are still served. */
void rd_http_port_close (RdHttpPort *port);

/* Appends copies of the listening sockets to @offers (element-type RdSocket), for a new worker. */
void rd_http_port_offer (RdHttpPort *port, GPtrArray *offers);

/* Returns the number of accepted connections that are not closed; without clients. */
guint rd_http_port_get_connections (RdHttpPort *port);

/* Returns whether requests are being answered. */
gboolean rd_http_port_is_busy (RdHttpPort *port);

/* Moves the connections that wait for their request to another process. The first function returns:
 * (transfer full) (element-type int): the sockets; the array closes them when freed. The second one
 * adds a socket @fd (transfer full); its lifetime begins anew. */
GArray *rd_http_port_steal_waiting (RdHttpPort *port);
void rd_http_port_add_waiting (RdHttpPort *port, int fd);

/* Returns: (transfer full): one URL per listening address, such as "ws://127.0.0.1:8000/ws". */
char **rd_http_port_dup_urls (RdHttpPort *port);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdHttpPort, rd_http_port_free)
