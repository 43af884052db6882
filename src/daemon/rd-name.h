/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Has @application take its name on the bus, and start; blocks until the bus has answered.
 * @has_clients: it has taken the place of another process: it does not wait for longer than 2 s,
 * and goes on without the name if it cannot have it, with a warning. Returns: FALSE with an error.
 */
gboolean rd_name_take (GApplication *application, gboolean has_clients, GError **error);

G_END_DECLS
