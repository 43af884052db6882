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
};

/* Publishes; the clients here get it before this returns, which sets the id. */
void rd_bus_publish (RdBus *self, RdMessage *message);

/* For implementations: emits "message". */
void rd_bus_deliver (RdBus *self, RdMessage *message);

/* Returns: (transfer full): the state. */
char *rd_bus_dup_state (RdBus *self);

G_END_DECLS
