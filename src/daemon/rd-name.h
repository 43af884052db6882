/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

/* Makes GApplication, which always uses the session bus, use the system bus if @is_system. Not
 * thread-safe (setenv(3)). Returns: FALSE with an error. */
gboolean rd_name_choose_bus (gboolean is_system, GError **error);

#define RD_NAME_TIMEOUT_MS 2000 /* during a takeover */

/* Takes the application's name on the bus and starts the application. @is_takeover: the clients of
 * an old worker wait, so this blocks for at most %RD_NAME_TIMEOUT_MS and runs without the name on
 * failure, with a warning. Returns: FALSE with an error. */
gboolean rd_name_take (GApplication *application, gboolean is_takeover, GError **error);
