/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <libsoup/soup.h>

#include "rd-socket.h"

G_BEGIN_DECLS

/* A port that speaks HTTP: listening sockets, the connections on them, and the SoupServer that
 * serves those. What no handler is for is 404. */
typedef struct _RdHttpPort RdHttpPort;

typedef struct
{
  const char *const *addresses; /* IP addresses or host names */
  guint port;                   /* 0: any free one */
  gboolean reuse_port;
  GPtrArray *inherited;       /* GSocket, unowned: if there are any, these instead of the above */
  RdRole role;                /* what it is to a successor */
  GPtrArray *offers;          /* RdSocket, shared, nullable: what a predecessor has bound itself */
  guint max_connections;      /* at one time; the others wait in the backlog */
  gint64 lifetime_us;         /* of a connection, */
  gint64 crowded_lifetime_us; /* and while there are as many as may be */
} RdHttpPortOptions;

/* Why a connection came to nothing; all nullable. */
typedef struct
{
  void (*expired) (gpointer user_data);   /* its lifetime was over */
  void (*crowded) (gpointer user_data);   /* it made room for another */
  void (*exhausted) (gpointer user_data); /* no descriptor was left for it */
} RdHttpPortEvents;

/* Listens at once, and serves too, unless there are offers: then it takes what it can use from
 * them, see rd_binding_new(), and waits for rd_http_port_resume(). @events: (transfer none),
 * outlives the port. Returns: (transfer full): NULL with an error that names address and port. */
RdHttpPort *rd_http_port_new (const RdHttpPortOptions *options,
                              const RdHttpPortEvents *events,
                              gpointer user_data,
                              GError **error);
void rd_http_port_free (RdHttpPort *port);

/* Serves @path and what is below with @callback. */
void rd_http_port_add_handler (RdHttpPort *port,
                               const char *path,
                               SoupServerCallback callback,
                               gpointer user_data);

/* Forgets a connection that was stolen from libsoup: it has no more to do with this port. */
void rd_http_port_release (RdHttpPort *port, GSocketConnection *connection);

/* Serves what has come so far, then closes the port, so that connections are refused; if it is
 * inherited, goes on serving them. */
void rd_http_port_stop (RdHttpPort *port);

/* Listens again where it did. Returns: FALSE with an error if another program has taken a port. */
gboolean rd_http_port_reopen (RdHttpPort *port, GError **error);

/* Accepts no connection, so that another process can, or we again; they wait in the backlog. What
 * was accepted is still served. */
void rd_http_port_pause (RdHttpPort *port);

/* Accepts them again. The first time after a predecessor it is also the end of what it offered
 * for this role and nobody has taken: who waits there is served, and nobody else is let in. */
void rd_http_port_resume (RdHttpPort *port);

/* Adds to @offers (element-type RdSocket) what it listens on now: it keeps that too. */
void rd_http_port_offer (RdHttpPort *port, GPtrArray *offers);

/* Accepts nothing more, for good; what was accepted is still served. */
void rd_http_port_close (RdHttpPort *port);

/* How many connections there are. */
guint rd_http_port_get_connections (RdHttpPort *port);

/* Returns: (transfer full): @scheme + "127.0.0.1:8000" + @path for each listening socket. */
char **rd_http_port_dup_urls (RdHttpPort *port, const char *scheme, const char *path);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdHttpPort, rd_http_port_free)

G_END_DECLS
