/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The base class of message buses. Delivers messages within a single node. */

#include "rd-bus.h"

static guint message_signal;

G_DEFINE_TYPE (RdBus, rd_bus, G_TYPE_OBJECT)

static void
rd_bus_publish_alone (RdBus *self, RdMessage *message, gint64 interval_us)
{
  rd_bus_publish (self, message);
}

static void
rd_bus_clear_stats (RdBus *self, RdBusStats *stats)
{
  *stats = (RdBusStats){ FALSE };
}

static char *
rd_bus_dup_local_state (RdBus *self)
{
  return g_strdup ("local");
}

static void
rd_bus_class_init (RdBusClass *klass)
{
  klass->publish = rd_bus_deliver;
  klass->publish_locked = rd_bus_publish_alone;
  klass->get_stats = rd_bus_clear_stats;
  klass->dup_state = rd_bus_dup_local_state;

  message_signal = g_signal_new ("message", RD_TYPE_BUS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 1, G_TYPE_POINTER);
  g_signal_new ("state-changed", RD_TYPE_BUS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                0);
}

static void
rd_bus_init (RdBus *self)
{
}

RdBus *
rd_bus_new (void)
{
  return g_object_new (RD_TYPE_BUS, NULL);
}

void
rd_bus_publish (RdBus *self, RdMessage *message)
{
  RD_BUS_GET_CLASS (self)->publish (self, message);
}

void
rd_bus_publish_locked (RdBus *self, RdMessage *message, gint64 interval_us)
{
  RD_BUS_GET_CLASS (self)->publish_locked (self, message, interval_us);
}

void
rd_bus_get_stats (RdBus *self, RdBusStats *stats)
{
  RD_BUS_GET_CLASS (self)->get_stats (self, stats);
}

void
rd_bus_deliver (RdBus *self, RdMessage *message)
{
  g_signal_emit (self, message_signal, 0, message);
}

char *
rd_bus_dup_state (RdBus *self)
{
  return RD_BUS_GET_CLASS (self)->dup_state (self);
}
