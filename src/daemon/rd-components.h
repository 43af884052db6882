/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-admin.h"
#include "rd-config.h"
#include "rd-descriptors.h"
#include "rd-notifier.h"
#include "rd-redis-nodes.h"
#include "rd-server.h"
#include "rd-service.h"
#include "rd-systemd.h"

typedef struct
{
  const RdConfig *config;      /* unowned: outlives us */
  char *node;                  /* owned: id of this node */
  RdRedis *redis;              /* owned, nullable: not configured */
  RdBus *bus;                  /* owned */
  RdManager *manager;          /* owned */
  RdDrain *drain;              /* owned */
  RdMetrics *metrics;          /* owned */
  RdNodes *nodes;              /* owned */
  RdRedisNodes *registry;      /* owned, nullable: without Redis */
  RdNotifier *notifier;        /* owned, nullable: not started */
  RdServer *server;            /* owned, nullable: not listening */
  RdAdmin *admin;              /* owned, nullable: not listening, or disabled */
  RdService *service;          /* owned */
  RdCallForwarder *forwarder;  /* owned, nullable: not retired */
  RdSystemd *systemd;          /* owned */
  GDBusConnection *connection; /* unowned, nullable: the bus connection of a takeover */
  RdDescriptors descriptors;
  RdHandoverReport handover;
  gint64 paused_us;  /* monotonic: when the service was paused for a hand-over */
  gint64 drained_us; /* monotonic */
  guint finish_id;
  GSourceOnceFunc finish_func;
  gpointer finish_data;
} RdComponents;

/* Creates and connects all components but the listeners. @node: (nullable): id of this node; NULL:
 * a new one. @environment: see rd_systemd_new(). Returns: (transfer full): NULL with an error. */
RdComponents *rd_components_new (const RdConfig *config,
                                 const char *node,
                                 char **environment,
                                 GError **error);

/* Opens the ports. @offers (element-type RdSocket, nullable): the old worker's listening sockets;
 * the ports accept connections only after rd_http_port_resume(). Returns: FALSE
 * with an error. */
gboolean rd_components_listen (RdComponents *self,
                               RdInherited *inherited,
                               GPtrArray *offers,
                               GError **error);

/* Starts periodic notifications, the first at @due_us (see rd_notifier_new()), and Redis. */
void rd_components_start (RdComponents *self, gint64 due_us);

/* Finishes after a drain: waits for handshakes in progress (at most 50 ms) and for messages to
 * Redis (at most 1 s), then warns of messages that were not sent. @func: called once, when done. */
void rd_components_finish (RdComponents *self, GSourceOnceFunc func, gpointer user_data);

/* Stops what runs by itself, after a new worker has taken over. */
void rd_components_retire (RdComponents *self);
void rd_components_free (RdComponents *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdComponents, rd_components_free)
