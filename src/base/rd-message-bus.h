/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

/* These functions block, without iterating a main context, for at most @timeout_ms. The error is
 * %G_IO_ERROR_TIMED_OUT if the bus has not answered by then. */

/* Returns: (transfer full): the address of the session or system bus according to the variables in
 * @environment (NULL-terminated), or NULL with %G_IO_ERROR_NOT_FOUND. Unlike
 * g_dbus_address_get_for_bus_sync(), it never launches a bus. */
char *rd_message_bus_dup_address (GBusType type, char **environment, GError **error);

/* Connects to the message bus at @address. Returns: (transfer full): a private connection. */
GDBusConnection *rd_message_bus_connect (const char *address, guint timeout_ms, GError **error);

/* Returns: (transfer full): the shared connection of this process to the bus, see g_bus_get_sync().
 * While the caller has a reference, GApplication uses the same connection. */
GDBusConnection *rd_message_bus_get (GBusType type, guint timeout_ms, GError **error);
