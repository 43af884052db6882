/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

#define RD_NAME_TIMEOUT_MS 2000 /* time limit to acquire the bus name in a takeover */
#define RD_NAME_FLAGS      (G_APPLICATION_IS_SERVICE | G_APPLICATION_ALLOW_REPLACEMENT)

/* Registers @application, which has the flags %RD_NAME_FLAGS, and so acquires its bus name.
 * @is_takeover: whether this process takes over from an old worker. In a takeover, blocks for at
 * most %RD_NAME_TIMEOUT_MS, and only warns if the name cannot be acquired. Returns: TRUE, or FALSE
 * with an error. */
gboolean rd_name_acquire (GApplication *application, gboolean is_takeover, GError **error);
