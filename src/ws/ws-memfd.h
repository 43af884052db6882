/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* First fields of every shared memory file; the same in all versions of the program. */
typedef struct
{
  guint64 magic;  /* identifies the kind of content */
  guint64 layout; /* version of all fields after this header */
} WsMemfdHeader;

/* Creates a zero-filled memory file (memfd_create(2)) of @size bytes for sharing with another
 * process. The file is not executable, and its size is sealed. Unwritten pages use no memory.
 * @name: name shown in /proc. Returns: the descriptor, or -1 with a #GFileError. */
int ws_memfd_create (const char *name, gsize size, GError **error);

/* Returns: the size of @fd in bytes if the size is sealed (see ws_memfd_create()); otherwise 0. Do
 * not map a file for which this returns 0, as its size could change. */
gsize ws_memfd_get_size (int fd);

/* Reads the first @size bytes of @fd into @header, and checks that they begin with @expected.
 * @what: name of the data, for the error message.
 * Returns: TRUE, or FALSE with a #GFileError. */
gboolean ws_memfd_read_header (int fd,
                               const WsMemfdHeader *expected,
                               const char *what,
                               gpointer header,
                               gsize size,
                               GError **error);

/* Sets a #GFileError for damaged data. @what: name of the data. Returns: FALSE. */
gboolean ws_memfd_set_damaged (GError **error, const char *what);

/* Returns: @size in bytes, rounded up to whole pages. */
gsize ws_memfd_round (gsize size);
