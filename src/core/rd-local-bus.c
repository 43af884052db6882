/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The in-process bus of a worker that is alone. What is published is delivered before the call
 * returns, so that nothing can be lost, wait or be out of order. No set-up, no queue, and nothing
 * that can fail. */

#include "rd-local-bus.h"

struct _RdLocalBus
{
  GObject parent_instance;
};

enum
{
  PROP_STATE = 1,
};

static void bus_iface_init (RdBusInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (RdLocalBus,
                               rd_local_bus,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (RD_TYPE_BUS, bus_iface_init))

static void
rd_local_bus_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (id == PROP_STATE)
    g_value_set_static_string (value, "local");
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
rd_local_bus_class_init (RdLocalBusClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = rd_local_bus_get_property;
  g_object_class_override_property (object_class, PROP_STATE, "state");
}

static void
rd_local_bus_init (RdLocalBus *self)
{
}

static void
bus_iface_init (RdBusInterface *iface)
{
  iface->publish = rd_bus_deliver;
}

RdBus *
rd_local_bus_new (void)
{
  return g_object_new (RD_TYPE_LOCAL_BUS, NULL);
}
