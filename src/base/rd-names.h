/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* The D-Bus object of the service, and its interface. */
#define RD_OBJECT_PATH "/org/ringdown/Server1"
#define RD_INTERFACE   "org.ringdown.Server1"

/* Returns: (transfer full): the bus name: org.ringdown.Ringdown, or org.ringdown.Ringdown.iNAME for
 * @instance (nullable; the value of --instance), in which "_" replaces each character other than
 * ASCII letters and digits. Can be longer than a bus allows (255 bytes). */
char *rd_names_dup_bus_name (const char *instance);
