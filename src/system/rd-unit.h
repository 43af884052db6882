/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

/* Finds a systemd unit; blocks for up to @timeout_ms. @name: (nullable): unit name (the unit is
 * loaded if necessary); NULL: the unit of this process. Returns: (transfer full) (nullable): the
 * D-Bus object path of the unit, or NULL with an error. */
char *rd_unit_find (GDBusConnection *bus,
                    const char *name,
                    int timeout_ms,
                    GCancellable *cancellable,
                    GError **error);

/* Reads the properties of the unit with the object path @path; blocks for up to @timeout_ms. @type:
 * last part of the interface name in org.freedesktop.systemd1(5), such as "Unit" or "Service".
 * Returns: (transfer full) (nullable): the properties, type a{sv}, or NULL with an error. */
GVariant *rd_unit_get_properties (GDBusConnection *bus,
                                  const char *path,
                                  const char *type,
                                  int timeout_ms,
                                  GCancellable *cancellable,
                                  GError **error);

/* Returns: whether the unit can store descriptors (FileDescriptorStoreMax= is positive or unknown).
 * @service: result of rd_unit_get_properties() for type "Service". */
gboolean rd_unit_has_store (GVariant *service);

/* Checks whether clients stay connected during “systemctl restart”. @service: result of
 * rd_unit_get_properties() for type "Service"; a missing property counts as correct. @name: unit
 * name. @is_user: whether the unit belongs to systemd --user. Returns: (transfer full)
 * (element-type utf8): one sentence per problem. */
GPtrArray *rd_unit_check_restart (GVariant *service, const char *name, gboolean is_user);
