/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Creates an anonymous file of @size bytes, all zero, of a size that nobody can change any more:
 * fit to be handed to another process (memfd_create(2)). Pages take memory once written.
 * @name: shows in /proc. Returns: the descriptor, or -1 with a #GFileError. */
int ws_memfd_create (const char *name, gsize size, GError **error);

/* Returns: the size of what ws_memfd_create() made, here or in another process; 0 for any other
 * descriptor: one whose size somebody could still change must not be mapped. */
gsize ws_memfd_get_size (int fd);

/* Rounds @size up to whole pages. */
gsize ws_memfd_round (gsize size);

G_END_DECLS
