/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* First fields of every shared memory file, the same in all versions. */
typedef struct
{
  guint64 magic;  /* kind of the content */
  guint64 layout; /* version of the rest */
} WsMemfdHeader;

/* Creates a memory file (memfd_create(2)) of @size bytes, all zero, which is not executable and
 * whose size is sealed, for sharing with another process. Unwritten pages take no memory.
 * @name: name shown in /proc. Returns: the descriptor, or -1 with a #GFileError. */
int ws_memfd_create (const char *name, gsize size, GError **error);

/* Returns: the size of a file made by ws_memfd_create() in any process; 0 for other descriptors,
 * which must not be mapped, as their size could change. */
gsize ws_memfd_get_size (int fd);

/* Reads the first @size bytes of @fd into @header and compares them with @expected.
 * @what: noun for the error message. Returns: FALSE with a #GFileError. */
gboolean ws_memfd_read_header (int fd,
                               const WsMemfdHeader *expected,
                               const char *what,
                               gpointer header,
                               gsize size,
                               GError **error);

/* Sets the error for a damaged file. @what: noun, as above. Returns: FALSE. */
gboolean ws_memfd_set_damaged (GError **error, const char *what);

/* Rounds @size up to whole pages. */
gsize ws_memfd_round (gsize size);
