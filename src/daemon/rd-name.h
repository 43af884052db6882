/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

/* If @is_system, sets DBUS_SESSION_BUS_ADDRESS to the address of the system bus, because
 * GApplication can only connect to the session bus. Not thread-safe: calls setenv(3). Returns:
 * TRUE, or FALSE with an error. */
gboolean rd_name_choose_bus (gboolean is_system, GError **error);

#define RD_NAME_TIMEOUT_MS 2000 /* time limit to acquire the bus name in a takeover */

/* Registers @application and so acquires its bus name. @is_takeover: whether this process takes
 * over from an old worker. In a takeover, blocks for at most %RD_NAME_TIMEOUT_MS, and only
 * warns if the name cannot be acquired. Returns: TRUE, or FALSE with an error. */
gboolean rd_name_take (GApplication *application, gboolean is_takeover, GError **error);
