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

/* Listens at once; @port 0: any free one. @inherited: (element-type GSocket): if there are any,
 * these instead of @address and @port. Returns: (transfer full): NULL with an error that names
 * address and port. */
RdAdmin *rd_admin_new (RdManager *manager,
                       RdDrain *drain,
                       RdBus *bus,
                       RdMetrics *metrics,
                       const char *address,
                       guint port,
                       GPtrArray *inherited,
                       GError **error);

/* As a successor: goes on with those of @offers (element-type RdSocket) that fit, takes them from
 * the list, and accepts nobody until rd_admin_resume(). NULL: no predecessor. */
RdAdmin *rd_admin_new_offered (RdManager *manager,
                               RdDrain *drain,
                               RdBus *bus,
                               RdMetrics *metrics,
                               const char *address,
                               guint port,
                               GPtrArray *inherited,
                               GPtrArray *offers,
                               GError **error);
void rd_admin_free (RdAdmin *admin);

/* What the page is told, and what browsers are let do: @urls of the clients' port, and the globs
 * that it lets in, none: all. Until then the page knows no port to connect to. */
void rd_admin_set_clients_port (RdAdmin *admin,
                                const char *const *urls,
                                const char *const *allow_origins);

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
