/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-socket.h"

G_BEGIN_DECLS

/* Lists of RdSocket, which the old worker passes to the new worker. */

/* Returns: (transfer full) (element-type RdSocket): an empty list, which owns its elements. */
GPtrArray *rd_sockets_new (void);

/* Removes all inherited sockets, of which the service manager keeps copies. */
void rd_sockets_drop_inherited (GPtrArray *sockets);

/* Returns: (transfer floating): role, asked_port and is_inherited of each socket, in order, as a
 * GVariant of type aa{sv}. */
GVariant *rd_sockets_describe (GPtrArray *sockets);

/* Returns: (transfer container) (element-type int): the descriptors of @sockets, in order. @sockets
 * still owns the descriptors. */
GArray *rd_sockets_dup_fds (GPtrArray *sockets);

/* Creates a list in the new worker. @about: from rd_sockets_describe(). @fds: (element-type int):
 * the descriptors, in the same order; they are duplicated. Returns: (transfer full) (nullable): the
 * list, or NULL with an error if @about is invalid or a descriptor is not a listening socket. */
GPtrArray *rd_sockets_new_described (GVariant *about, const GArray *fds, GError **error);

G_END_DECLS
