/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-dbus.h"

G_BEGIN_DECLS

/* How the process that serves now took over from the one before: all 0 if it was started. */
typedef struct
{
  guint moved;      /* clients that noticed nothing, */
  guint closed;     /* that were told to come back, */
  guint lost;       /* and that were cut off */
  guint64 pause_us; /* nobody was served for so long */
} CtlHandover;

/* @proxy: has its properties. */
CtlHandover ctl_handover_get (RdDBusServer1 *proxy);

double ctl_handover_get_pause_ms (const CtlHandover *self);

/* Adds to @object ("a{sv}") what D-Bus has, by its names. */
void ctl_handover_add_json (const CtlHandover *self, GVariantBuilder *object);

G_END_DECLS
