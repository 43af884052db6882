/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-admin.h"
#include "rd-config.h"
#include "rd-descriptors.h"
#include "rd-inherited.h"
#include "rd-notifier.h"
#include "rd-redis-nodes.h"
#include "rd-server.h"
#include "rd-service.h"
#include "rd-systemd.h"

G_BEGIN_DECLS

/* What the service is made of. */
typedef struct
{
  const RdConfig *config;      /* unowned: outlives us */
  char *node;                  /* owned: our name among the workers */
  RdRedis *redis;              /* owned, nullable: none */
  RdBus *bus;                  /* owned */
  RdManager *manager;          /* owned */
  RdDrain *drain;              /* owned */
  RdMetrics *metrics;          /* owned */
  RdNodes *nodes;              /* owned */
  RdRedisNodes *registry;      /* owned, nullable: without Redis */
  RdNotifier *notifier;        /* owned, nullable: not started */
  RdServer *server;            /* owned, nullable: does not listen */
  RdAdmin *admin;              /* owned, nullable: does not listen, or switched off */
  RdService *service;          /* owned */
  RdRelay *relay;              /* owned, nullable: not retired */
  RdSystemd *systemd;          /* owned */
  GDBusConnection *connection; /* unowned, nullable: of a predecessor, too */
  RdDescriptors descriptors;
  RdHandoverReport handover; /* how all this got here */
  gint64 paused_us;          /* monotonic: since when all stands still */
} RdParts;

/* Makes all but what listens, and ties it together; nothing is to be seen of it outside.
 * @node: (nullable): the name to go on under; NULL: a new one. @environment: see rd_systemd_new().
 * Returns: (transfer full): NULL with an error. */
RdParts *rd_parts_new (const RdConfig *config,
                       const char *node,
                       char **environment,
                       GError **error);

/* Opens the ports; with @offers (element-type RdSocket, nullable) of a predecessor nobody is let in
 * until rd_parts_resume(). Returns: FALSE with an error. */
gboolean rd_parts_listen (RdParts *parts,
                          RdInherited *inherited,
                          GPtrArray *offers,
                          GError **error);

/* From here on there are notifications, the first at @due_us (see rd_notifier_new()), and Redis. */
void rd_parts_start (RdParts *parts, gint64 due_us);

/* Lets go of all that does something by itself, once another process does it. */
void rd_parts_retire (RdParts *parts);
void rd_parts_free (RdParts *parts);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdParts, rd_parts_free)

G_END_DECLS
