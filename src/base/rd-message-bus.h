/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

/* The D-Bus object of the service, and its interface. */
#define RD_OBJECT_PATH "/org/ringdown/Server1"
#define RD_INTERFACE   "org.ringdown.Server1"

/* Returns: (transfer full): the bus name: org.ringdown.Ringdown, or org.ringdown.Ringdown.iNAME for
 * @instance (nullable; the value of --instance), in which "_" replaces each character other than
 * ASCII letters and digits. Can be longer than a bus allows (255 bytes). */
char *rd_message_bus_dup_name (const char *instance);

/* Returns: (transfer full): the address of the session or system bus according to the variables in
 * @environment (NULL-terminated), or NULL with %G_IO_ERROR_NOT_FOUND. Unlike
 * g_dbus_address_get_for_bus_sync(), it never launches a bus. */
char *rd_message_bus_dup_address (GBusType type, char **environment, GError **error);

/* The functions below block, without iterating a main context, for at most @timeout_ms. The error
 * is %G_IO_ERROR_TIMED_OUT if the bus has not answered by then. */

/* Connects to the message bus at @address. Returns: (transfer full): a private connection. */
GDBusConnection *rd_message_bus_connect (const char *address, guint timeout_ms, GError **error);

/* Returns: (transfer full): the shared connection of this process to the bus, see g_bus_get_sync().
 * While the caller has a reference, GApplication uses the same connection. */
GDBusConnection *rd_message_bus_get (GBusType type, guint timeout_ms, GError **error);
