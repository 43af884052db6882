/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gunixfdlist.h>

#include "rd-manager.h"
#include "rd-nodes.h"

/* The D-Bus values of org.ringdown.Server1, as data/org.ringdown.Server1.xml documents them. */

/* Returns: (transfer floating): all nodes, this one included, in order; type aa{sv}. */
GVariant *rd_marshal_nodes (RdNodes *nodes);

/* Returns: (transfer floating): all clients, oldest first; type aa{sv}. */
GVariant *rd_marshal_clients (RdManager *manager);

/* Reads the a{sv} of Drain. @timeout_us: (out): -1 if it has no timeout.
 * Returns: FALSE with %RD_ERROR_INVALID_ARGUMENT for an unknown option. */
gboolean rd_unmarshal_drain_options (GVariant *options, gint64 *timeout_us, GError **error);

/* Returns: (transfer full): a duplicate of the descriptor with index @handle (type h) in @list
 * (nullable); -1 with %RD_ERROR_INVALID_ARGUMENT or, if it cannot be duplicated,
 * %RD_ERROR_HANDOVER_FAILED. */
int rd_unmarshal_descriptor (GUnixFDList *list, GVariant *handle, GError **error);
