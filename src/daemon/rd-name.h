/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

/* If @is_system, makes GApplication, which always connects to the session bus, connect to the
 * system bus. Not thread-safe (setenv(3)). Returns: FALSE with an error. */
gboolean rd_name_choose_bus (gboolean is_system, GError **error);

#define RD_NAME_TIMEOUT_MS 2000 /* to acquire the bus name during a takeover */

/* Registers the application, which acquires its bus name. @is_takeover: whether the clients of an
 * old worker are waiting: then blocks for at most %RD_NAME_TIMEOUT_MS; if it cannot acquire the
 * name, warns and continues without the name. Returns: FALSE with an error. */
gboolean rd_name_take (GApplication *application, gboolean is_takeover, GError **error);
