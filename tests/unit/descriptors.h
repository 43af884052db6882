/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Returns: the number of open descriptors of this process. */
guint descriptors_count (void);

/* Returns: the number of descriptors in the epoll sets of this process. */
guint descriptors_count_watched (void);

/* Raises the limit of open descriptors to the hard limit. */
void descriptors_raise (void);

/* Limits the process to @spare more descriptors. Returns: the old limit. */
guint64 descriptors_restrict (guint spare);
void descriptors_restore (guint64 limit);

/* Returns: (transfer full): a memory file of @size bytes that is not sealed. */
int memory_file_new (gsize size);

G_END_DECLS
