/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The object of the service on the message bus, and its interface. */
#define RD_OBJECT_PATH "/org/ringdown/Server1"
#define RD_INTERFACE   "org.ringdown.Server1"

/* @instance: (nullable): as given with --instance. Returns: (transfer full): its name on the bus,
 * org.ringdown.Ringdown.iNAME, with other characters than letters and digits of ASCII as "_"; of no
 * instance org.ringdown.Ringdown. May be longer than a bus allows (255). */
char *rd_names_dup_bus_name (const char *instance);

G_END_DECLS
