/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-log.h"

#include <gio/gio.h>

/* Topic of all messages. */
#define RD_TOPIC_BROADCAST "broadcast"

typedef struct
{
  const char *topic;
  WsOpcode opcode; /* text or binary */
  const guint8 *data;
  gsize size;
  WsId id; /* set by rd_manager_broadcast() */
} RdMessage;

/* State and counters of a bus. Counters are totals, except @pending and @pending_bytes. */
typedef struct
{
  gboolean is_shared; /* the bus connects several nodes; if FALSE, all other fields are 0 */
  gboolean is_up;     /* connected, and up to date with other nodes */
  guint64 connects;   /* number of connections made */
  guint64 sent;       /* number of messages sent to other nodes */
  guint64 received;   /* number of messages received from other nodes */
  guint64 pending;    /* number of messages waiting to be sent */
  gsize pending_bytes;
  /* number of messages that may not have been sent, plus received messages that were too long */
  guint64 dropped;
  guint64 repeated; /* number of messages received twice and delivered once */
  guint64 gaps;     /* how often Redis deleted messages before this node read them */
  guint64 missed;   /* number of messages known to be deleted by Redis before this node read them */
} RdBusStats;

/* Delivers published messages to all nodes. This class serves a single node: it delivers each
 * message before rd_bus_publish() returns. Subclasses connect several nodes.
 *
 * Signal "message" (RdMessage *): a message to send to the clients of this node; valid during the
 * emission. Signal "state-changed": the result of rd_bus_dup_state() has changed. */
#define RD_TYPE_BUS (rd_bus_get_type ())
G_DECLARE_DERIVABLE_TYPE (RdBus, rd_bus, RD, BUS, GObject)

struct _RdBusClass
{
  GObjectClass parent_class;

  void (*publish) (RdBus *self, RdMessage *message);
  void (*publish_locked) (RdBus *self, RdMessage *message, gint64 interval_us);
  void (*get_stats) (RdBus *self, RdBusStats *stats);
  char *(*dup_state) (RdBus *self);
};

/* Returns: (transfer full): a bus for a single node. */
RdBus *rd_bus_new (void);

/* Publishes @message to all nodes. Before returning, emits "message", whose handler sets the id. */
void rd_bus_publish (RdBus *self, RdMessage *message);

/* Publishes @message from only one node. Every node calls this once per @interval_us; the node that
 * acquires a lock sends the message. The id of @message may remain unset. */
void rd_bus_publish_locked (RdBus *self, RdMessage *message, gint64 interval_us);

void rd_bus_get_stats (RdBus *self, RdBusStats *stats);

/* Emits "message". For subclasses only. */
void rd_bus_deliver (RdBus *self, RdMessage *message);

/* Returns: (transfer full): the state as text, such as "local" or "redis: connected". */
char *rd_bus_dup_state (RdBus *self);
