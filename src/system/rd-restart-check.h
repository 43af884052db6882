/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Learns, while the service runs, whether its unit lets the clients outlive a restart; warns in the
 * log if it does not. */
typedef struct _RdRestartCheck RdRestartCheck;

/* Asks the service manager on @bus, and does not wait for the answer. @is_user: it is that of a
 * user. Returns: (transfer full): freed, it asks no further. */
RdRestartCheck *rd_restart_check_begin (GDBusConnection *bus, gboolean is_user);

/* Returns: FALSE once it has turned out that the unit has no store (rd_systemd_store()). */
gboolean rd_restart_check_may_store (const RdRestartCheck *self);

void rd_restart_check_free (RdRestartCheck *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdRestartCheck, rd_restart_check_free)

G_END_DECLS
