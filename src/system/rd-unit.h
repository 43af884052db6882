/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

/* Returns: (transfer full): the object path of a systemd unit; NULL with an error. Blocks for up to
 * @timeout_ms. @name: (nullable): of the unit, which is loaded if necessary; NULL: the unit of this
 * process. */
char *rd_unit_find (GDBusConnection *bus,
                    const char *name,
                    int timeout_ms,
                    GCancellable *cancellable,
                    GError **error);

/* Returns: (transfer full): the properties of the unit at @path, type a{sv}; NULL with an error.
 * Blocks for up to @timeout_ms. @type: "Unit", "Service", …: the last part of the interface name in
 * org.freedesktop.systemd1(5). */
GVariant *rd_unit_get_properties (GDBusConnection *bus,
                                  const char *path,
                                  const char *type,
                                  int timeout_ms,
                                  GCancellable *cancellable,
                                  GError **error);

/* Returns: FALSE if the unit cannot store descriptors (FileDescriptorStoreMax=). @service: the
 * properties of type "Service". */
gboolean rd_unit_has_store (GVariant *service);

/* Checks whether clients stay connected through “systemctl restart”. @service: the properties of
 * type "Service"; missing ones count as correct. @name: of the unit. @is_user: a unit of a user
 * manager. Returns: (transfer full) (element-type utf8): one sentence for each problem. */
GPtrArray *rd_unit_check_restart (GVariant *service, const char *name, gboolean is_user);
