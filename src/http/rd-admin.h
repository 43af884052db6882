/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-drain.h"
#include "rd-manager.h"
#include "rd-metrics.h"

G_BEGIN_DECLS

/* The admin port: /healthz, /readyz and /metrics for probes and scrapers, a page for people at /.
 * It answers to the end. */
typedef struct _RdAdmin RdAdmin;

typedef struct
{
  const char *address;
  guint port;           /* 0: any free one */
  GPtrArray *inherited; /* GSocket, unowned: if there are any, these instead of the above */
  GPtrArray *offers;    /* RdSocket, shared, nullable: what a predecessor has bound itself */
  const char *const *client_urls;   /* of the clients' port, for the page */
  const char *const *allow_origins; /* globs of those whose pages may ask; empty: any */
} RdAdminOptions;

/* Listens at once; with offers it goes on with those that fit, takes them from the list, and
 * accepts nobody until rd_admin_resume(). Returns: (transfer full): NULL with an error that names
 * address and port. */
RdAdmin *rd_admin_new (RdManager *manager,
                       RdDrain *drain,
                       RdBus *bus,
                       RdMetrics *metrics,
                       const RdAdminOptions *options,
                       GError **error);
void rd_admin_free (RdAdmin *admin);

/* Returns: (transfer full): "http://127.0.0.1:8001" and so on. */
char **rd_admin_dup_urls (RdAdmin *admin);

/* How many requests are not answered yet. */
guint rd_admin_get_connections (RdAdmin *admin);

/* Leaves new connections in the backlog, whoever will accept them; requests under way are answered.
 */
void rd_admin_pause (RdAdmin *admin);

/* Accepts them again; as a successor, what is left of the offers for this port is closed now, once
 * those who wait there are in. */
void rd_admin_resume (RdAdmin *admin);

/* Adds to @offers (element-type RdSocket) what it listens on now, which it keeps too. */
void rd_admin_offer (RdAdmin *admin, GPtrArray *offers);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdAdmin, rd_admin_free)

G_END_DECLS
