/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-admin.h"
#include "rd-config.h"
#include "rd-descriptors.h"
#include "rd-machine-shutdown.h"
#include "rd-notifier.h"
#include "rd-redis-nodes.h"
#include "rd-server.h"
#include "rd-service.h"
#include "rd-systemd.h"

typedef struct
{
  const RdConfig *config;      /* unowned: outlives this struct */
  char *node;                  /* owned: id of this node */
  RdRedis *redis;              /* owned; NULL without Redis */
  RdBus *bus;                  /* owned */
  RdManager *manager;          /* owned */
  RdDrain *drain;              /* owned */
  RdMetrics *metrics;          /* owned */
  RdNodes *nodes;              /* owned */
  RdRedisNodes *registry;      /* owned; NULL without Redis */
  RdNotifier *notifier;        /* owned; NULL if not started */
  RdServer *server;            /* owned; NULL if not listening */
  RdAdmin *admin;              /* owned; NULL if disabled or not listening */
  RdService *service;          /* owned */
  RdCallForwarder *forwarder;  /* owned; NULL until rd_components_retire() */
  RdSystemd *systemd;          /* owned */
  GDBusConnection *connection; /* owned, nullable: D-Bus connection made before a takeover */
  RdMachineShutdown *shutdown; /* owned */
  RdDescriptors descriptors;
  RdHandoverReport handover;
  gint64 paused_us;  /* monotonic time when a hand-over paused the service */
  gint64 drained_us; /* monotonic time when rd_components_finish() was called */
  guint finish_id;
  GSourceOnceFunc finish_func;
  gpointer finish_data;
} RdComponents;

/* Creates and connects all components except listeners and notifier. @node: (nullable): id of this
 * node, or NULL to generate an id. @environment: see rd_systemd_new(). Returns: (transfer full)
 * (nullable): the components, or NULL with an error. */
RdComponents *rd_components_new (const RdConfig *config,
                                 const char *node,
                                 char **environment,
                                 GError **error);

/* Opens the ports. @inherited: listening sockets from socket activation. @offers: (element-type
 * RdSocket) (nullable): listening sockets of the old worker, to be reused; if not NULL, the ports
 * accept no connections until rd_http_port_resume(). Returns: TRUE, or FALSE with an error. */
gboolean rd_components_listen (RdComponents *self,
                               RdInherited *inherited,
                               GPtrArray *offers,
                               GError **error);

/* Starts periodic notifications (@due_us: see rd_notifier_new()) and the Redis connections. */
void rd_components_start (RdComponents *self, gint64 due_us);

/* Finishes after a drain: waits until opening handshakes end (at most 50 ms) and messages are sent
 * to Redis (at most 1 s), then warns about unsent messages. @func: called once, when finished. */
void rd_components_finish (RdComponents *self, GSourceOnceFunc func, gpointer user_data);

/* Stops the notifier, client port and node registry. D-Bus calls now wait for the new worker. */
void rd_components_retire (RdComponents *self);
void rd_components_free (RdComponents *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdComponents, rd_components_free)
