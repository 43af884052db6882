/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

/* Reads the properties of a systemd unit; blocks for up to @timeout_ms for each of three replies.
 * @name: (nullable): unit name (the unit is loaded if necessary); NULL: the unit of this process.
 * @service: (out) (optional) (transfer full): properties of the interface Service, or Socket if
 * @name ends with ".socket"; type a{sv}.
 * Returns: (transfer full) (nullable): properties of the interface Unit
 * (org.freedesktop.systemd1(5)), type a{sv}, or NULL with an error (%G_IO_ERROR_NOT_FOUND if the
 * unit does not exist). */
GVariant *rd_unit_load (GDBusConnection *bus,
                        const char *name,
                        GVariant **service,
                        int timeout_ms,
                        GCancellable *cancellable,
                        GError **error);

/* Returns: whether systemd is stopping the unit in order not to start it again; blocks for up to
 * @timeout_ms. @unit: properties from rd_unit_load(). */
gboolean rd_unit_is_stopping (GDBusConnection *bus, GVariant *unit, int timeout_ms);

/* Checks whether clients stay connected during “systemctl restart”. @service: properties from
 * rd_unit_load(); a missing property counts as correct. @name: unit name. @is_user: whether the
 * unit belongs to systemd --user. Returns: (transfer full) (element-type utf8): one sentence per
 * problem. */
GPtrArray *rd_unit_check_restart (GVariant *service, const char *name, gboolean is_user);
