/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-log.h"

#include <gio/gio.h>

/* The only topic so far. */
#define RD_TOPIC_BROADCAST "broadcast"

typedef struct
{
  const char *topic;
  WsOpcode opcode; /* text or binary */
  const guint8 *data;
  gsize size;
  WsId id; /* set when the message is sent to the clients of this process */
} RdMessage;

/* State of a bus that joins several nodes. Numbers are totals, but for the pending ones. */
typedef struct
{
  gboolean is_shared; /* joins several nodes; if FALSE, the rest is 0 */
  gboolean is_up;
  guint64 connects;
  guint64 sent;     /* messages that other nodes can read */
  guint64 received; /* messages from other nodes */
  guint64 pending;  /* messages waiting to be sent */
  gsize pending_bytes;
  guint64 dropped;  /* messages other nodes may not get, and messages from them that are too long */
  guint64 repeated; /* messages received twice and delivered once */
  guint64 gaps;     /* times that messages of other nodes were deleted before they were read */
  guint64 missed;   /* number of those messages, where known */
} RdBusStats;

/* Carries messages from publishers to all nodes. This class serves a single node: it delivers each
 * message before the publishing call returns. Subclasses join several nodes.
 *
 * Signal "message" (RdMessage *): a message for the clients of this node; valid during the
 * emission. Signal "state-changed": rd_bus_dup_state() has another result. */
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

/* Returns: (transfer full): the bus of a single node. */
RdBus *rd_bus_new (void);

/* Publishes @message; the clients of this node get it, and it gets its id, before this returns. */
void rd_bus_publish (RdBus *self, RdMessage *message);

/* Publishes a message that all nodes publish every @interval_us: only the node that gets the lock
 * sends it. @message gets no id. */
void rd_bus_publish_locked (RdBus *self, RdMessage *message, gint64 interval_us);

void rd_bus_get_stats (RdBus *self, RdBusStats *stats);

/* Emits "message"; for subclasses. */
void rd_bus_deliver (RdBus *self, RdMessage *message);

/* Returns: (transfer full): printable state, such as "local" or "redis: connected". */
char *rd_bus_dup_state (RdBus *self);
