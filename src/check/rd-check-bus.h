/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Returns: (transfer full) (nullable): where the session bus is, as DBUS_SESSION_BUS_ADDRESS or
 * XDG_RUNTIME_DIR in @environment (NULL-terminated) say; never one that would be started. */
char *rd_check_bus_dup_session_address (char **environment);

/* Returns: (transfer full): a connection of our own, NULL with an error within 2 s. */
GDBusConnection *rd_check_bus_connect (const char *address, GError **error);

/* Calls @method, but starts nobody for that. @arguments: floating; @reply: the type that it must
 * have. Returns: (transfer full): NULL with an error within 2 s. */
GVariant *rd_check_bus_call (GDBusConnection *bus,
                             const char *name,
                             const char *path,
                             const char *interface,
                             const char *method,
                             GVariant *arguments,
                             const char *reply,
                             GError **error);

/* Returns: (transfer full): all properties of @interface, a{sv}, as rd_check_bus_call() does. */
GVariant *rd_check_bus_get_properties (GDBusConnection *bus,
                                       const char *name,
                                       const char *path,
                                       const char *interface,
                                       GError **error);

/* Returns: the process that owns @name, 0: there is none, or it cannot be learned. */
int rd_check_bus_get_owner_pid (GDBusConnection *bus, const char *name);

G_END_DECLS
