/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a unit makes of a restart. */
typedef struct
{
  gboolean has_store; /* a store for descriptors (FileDescriptorStoreMax=) */
  gboolean is_told;   /* a restart from a stop, by its signal (RestartKillSignal=) */
} RdRestartUnit;

/* @properties: a{sv}, those of org.freedesktop.systemd1.Service(5). What they do not say, or not in
 * the type it has, is taken to be as it should. */
RdRestartUnit rd_restart_unit_read (GVariant *properties);

/* @name: of the unit. @is_user: it is one of a user's manager.
 * Returns: (transfer full) (element-type utf8): what keeps the clients from being handed over at a
 * restart, a sentence for each, with what to do. */
GPtrArray *rd_restart_unit_judge (const RdRestartUnit *unit, const char *name, gboolean is_user);

G_END_DECLS
