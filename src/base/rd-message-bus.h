/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

/* D-Bus object path and interface of the service. */
#define RD_OBJECT_PATH "/org/ringdown/Server1"
#define RD_INTERFACE   "org.ringdown.Server1"

/* Returns: (transfer full): the bus name of the service: org.ringdown.Ringdown, plus ".iNAME"
 * if @instance is not NULL. NAME is @instance with "_" in place of each character that is not an
 * ASCII letter or digit. The bus name may exceed the D-Bus limit of 255 bytes. */
char *rd_message_bus_dup_name (const char *instance);

/* Returns: (transfer full) (nullable): the D-Bus address of the session or system bus, or NULL with
 * %G_IO_ERROR_NOT_FOUND. Never launches a bus, unlike g_dbus_address_get_for_bus_sync().
 * @environment: environment variables to use, NULL-terminated. */
char *rd_message_bus_dup_address (GBusType type, char **environment, GError **error);

/* Connects to the message bus at @address, a D-Bus address. Blocks for at most @timeout_ms, and
 * does not iterate the caller's main context. Returns: (transfer full) (nullable): a private
 * connection, or NULL with an error: %G_IO_ERROR_TIMED_OUT if the bus does not reply in time. */
GDBusConnection *rd_message_bus_connect (const char *address, guint timeout_ms, GError **error);

/* Connects as rd_message_bus_connect(), but does not block: calls @func from the thread-default
 * main context, after at most @timeout_ms. @func calls rd_message_bus_connect_finish(). */
void rd_message_bus_connect_async (const char *address,
                                   guint timeout_ms,
                                   GAsyncReadyCallback func,
                                   gpointer user_data);

/* Returns: (transfer full) (nullable): as rd_message_bus_connect(). */
GDBusConnection *rd_message_bus_connect_finish (GAsyncResult *result, GError **error);
