/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-drain.h"
#include "rd-manager.h"
#include "rd-metrics.h"

G_BEGIN_DECLS

/* The public port: the opening handshake, and handing the socket over to the manager. */
typedef struct _RdServer RdServer;

typedef struct
{
  const char *const *addresses;
  guint port;
  gboolean reuse_port;
  GPtrArray *inherited; /* GSocket, unowned: if there are any, these instead of the above */
  GPtrArray *offers;    /* RdSocket, shared, nullable: what a predecessor has bound itself */
  const char *path;
  guint max_handshakes;             /* under way at one time; the others wait in the backlog */
  const char *const *allow_origins; /* globs; empty: any */
} RdServerOptions;

/* Listens at once; with offers it goes on with those that fit, takes them from the list, and
 * accepts nobody until rd_server_resume(). While @drain is not accepting, the port refuses
 * connections; on inherited sockets it accepts them and answers 503. Returns: (transfer full): NULL
 * with an error that names address and port. */
RdServer *rd_server_new (RdManager *manager,
                         RdDrain *drain,
                         RdMetrics *metrics,
                         const RdServerOptions *options,
                         GError **error);
void rd_server_free (RdServer *server);

/* How many connections have not become clients yet. */
guint rd_server_get_handshakes (RdServer *server);

/* Leaves new connections in the backlog, whoever will accept them; handshakes under way go on. */
void rd_server_pause (RdServer *server);

/* Accepts them again; as a successor, what is left of the offers for this port is closed now, once
 * those who wait there are in. */
void rd_server_resume (RdServer *server);

/* Adds to @offers (element-type RdSocket) what it listens on now, which it keeps too. */
void rd_server_offer (RdServer *server, GPtrArray *offers);

/* Returns: (transfer full): the URLs clients can connect to. */
char **rd_server_dup_urls (RdServer *server);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdServer, rd_server_free)

G_END_DECLS
