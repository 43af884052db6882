/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gunixfdlist.h>

#include "rd-manager.h"
#include "rd-nodes.h"

/* Converts between types of src/core and the D-Bus values in data/org.ringdown.Server1.xml. */

/* Returns: (transfer floating): all nodes including this one, sorted by rd_node_compare(); type
 * aa{sv}. */
GVariant *rd_marshal_nodes (RdNodes *nodes);

/* Returns: (transfer floating): all clients, oldest first; type aa{sv}. */
GVariant *rd_marshal_clients (RdManager *manager);

/* Parses the argument of the method Drain. @options: type a{sv}. @timeout_us: (out): drain timeout;
 * -1 if not given. Returns: TRUE, or FALSE with %RD_ERROR_INVALID_ARGUMENT if an option is unknown
 * or has the wrong type. */
gboolean rd_unmarshal_drain_options (GVariant *options, gint64 *timeout_us, GError **error);

/* Duplicates a file descriptor of a D-Bus message. @list: (nullable): all descriptors of the
 * message. @handle: index (type h) of the descriptor in @list. Returns: (transfer full): the
 * duplicate, or -1 with %RD_ERROR_INVALID_ARGUMENT if the index is invalid, or with
 * %RD_ERROR_HANDOVER_FAILED if duplication fails. */
int rd_unmarshal_descriptor (GUnixFDList *list, GVariant *handle, GError **error);
