/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Time limit of each wait for a bus or for an answer on it. */
#define RD_CHECK_BUS_TIMEOUT_MS 2000

/* Calls @method, and starts no service for it. @arguments: floating; @reply: the type of the reply.
 * Returns: (transfer full): the reply, or NULL with an error. */
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
