/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-socket.h"

G_BEGIN_DECLS

/* Lists of RdSocket, as they go from one process to the next. */

/* Returns: (transfer full) (element-type RdSocket): a list, still empty, that owns what it has. */
GPtrArray *rd_sockets_new (void);

/* Takes those out that the service manager has as well. */
void rd_sockets_drop_inherited (GPtrArray *sockets);

/* Returns: (floating): an aa{sv}: of each socket, in order, all that the kernel does not know. */
GVariant *rd_sockets_describe (GPtrArray *sockets);

/* Returns: (transfer full) (element-type int): their descriptors, in order; these stay the list's.
 */
GArray *rd_sockets_dup_fds (GPtrArray *sockets);

/* The list again, in another process. @about: of rd_sockets_describe(). @fds: (element-type int):
 * the descriptors in the same order; they stay the caller's, as the list has duplicates.
 * Returns: (transfer full): NULL with an error if both do not agree, or one does not listen. */
GPtrArray *rd_sockets_new_described (GVariant *about, const GArray *fds, GError **error);

G_END_DECLS
