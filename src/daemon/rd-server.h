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
  const char *path;
  guint max_handshakes;             /* under way at one time; the others wait in the backlog */
  const char *const *allow_origins; /* globs; empty: any */
} RdServerOptions;

/* Listens at once. While @drain is not accepting, the port refuses connections; on inherited
 * sockets it accepts them and answers 503.
 * Returns: (transfer full): NULL with an error that names address and port. */
RdServer *rd_server_new (RdManager *manager,
                         RdDrain *drain,
                         RdMetrics *metrics,
                         const RdServerOptions *options,
                         GError **error);
void rd_server_free (RdServer *server);

/* How many connections have not become clients yet. */
guint rd_server_get_handshakes (RdServer *server);

/* Returns: (transfer full): the URLs clients can connect to. */
char **rd_server_dup_urls (RdServer *server);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdServer, rd_server_free)

G_END_DECLS
