/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-log.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* The only topic so far. */
#define RD_TOPIC_BROADCAST "broadcast"

typedef struct
{
  const char *topic;
  WsOpcode opcode; /* text or binary */
  const guint8 *data;
  gsize size;
  WsId id; /* given when it is sent to the clients of this process */
} RdMessage;

/* How a bus that joins several workers fares. The numbers but the pending ones only grow. */
typedef struct
{
  gboolean is_shared; /* joins several workers; else the rest is 0 */
  gboolean is_up;
  guint64 connects;
  guint64 sent;     /* messages that the others can get */
  guint64 received; /* messages of others */
  guint64 pending;  /* messages that wait to be sent */
  gsize pending_bytes;
  guint64 dropped;  /* messages of ours that others may not get, and of others that are too long */
  guint64 repeated; /* messages that came again, and were not delivered again */
  guint64 gaps;     /* how often messages of others were gone before they could be read */
  guint64 missed;   /* how many those were, as far as that is known */
} RdBusStats;

/* Carries messages from those who publish to every worker, this one included.
 *
 * Signal "message" (RdMessage *): one is to be sent to the clients here; valid during the emission.
 * Property "state": where it stands, for people: "local", "redis: connected". */
#define RD_TYPE_BUS (rd_bus_get_type ())
G_DECLARE_INTERFACE (RdBus, rd_bus, RD, BUS, GObject)

struct _RdBusInterface
{
  GTypeInterface parent_iface;

  void (*publish) (RdBus *self, RdMessage *message);

  /* Nullable: there is but one worker. */
  void (*publish_in_turn) (RdBus *self, RdMessage *message, gint64 interval_us);
  void (*get_stats) (RdBus *self, RdBusStats *stats);
};

/* Publishes; the clients here get it before this returns, which sets the id. */
void rd_bus_publish (RdBus *self, RdMessage *message);

/* As above, for a message that every worker has to send every @interval_us, and one of them does
 * each time; @message gets no id. */
void rd_bus_publish_in_turn (RdBus *self, RdMessage *message, gint64 interval_us);

void rd_bus_get_stats (RdBus *self, RdBusStats *stats);

/* For implementations: emits "message". */
void rd_bus_deliver (RdBus *self, RdMessage *message);

/* Returns: (transfer full): the state. */
char *rd_bus_dup_state (RdBus *self);

G_END_DECLS
