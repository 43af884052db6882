/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The interface of all buses: how messages get from whoever publishes to every worker. An
 * implementation has to carry them; here is only what is the same for all of them, and never a
 * queue, a default or a choice between them. */

#include "rd-bus.h"

static guint message_signal;

G_DEFINE_INTERFACE (RdBus, rd_bus, G_TYPE_OBJECT)

static void
rd_bus_default_init (RdBusInterface *iface)
{
  message_signal = g_signal_new ("message", RD_TYPE_BUS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 1, G_TYPE_POINTER);
  g_object_interface_install_property (
    iface,
    g_param_spec_string ("state", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

void
rd_bus_publish (RdBus *self, RdMessage *message)
{
  RD_BUS_GET_IFACE (self)->publish (self, message);
}

void
rd_bus_publish_in_turn (RdBus *self, RdMessage *message, gint64 interval_us)
{
  if (RD_BUS_GET_IFACE (self)->publish_in_turn != NULL)
    RD_BUS_GET_IFACE (self)->publish_in_turn (self, message, interval_us);
  else
    rd_bus_publish (self, message);
}

void
rd_bus_get_stats (RdBus *self, RdBusStats *stats)
{
  *stats = (RdBusStats){ FALSE };
  if (RD_BUS_GET_IFACE (self)->get_stats != NULL)
    RD_BUS_GET_IFACE (self)->get_stats (self, stats);
}

void
rd_bus_deliver (RdBus *self, RdMessage *message)
{
  g_signal_emit (self, message_signal, 0, message);
}

char *
rd_bus_dup_state (RdBus *self)
{
  char *state;

  g_object_get (self, "state", &state, NULL);
  return state;
}
