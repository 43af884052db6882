/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How many descriptors the process has open. */
guint descriptors_count (void);

/* How many of them its epoll sets watch. */
guint descriptors_count_watched (void);

/* Lets the process open as many as it may. */
void descriptors_raise (void);

/* Lets the process open @spare more descriptors and not one beyond.
 * Returns: the limit as it was. */
guint64 descriptors_restrict (guint spare);
void descriptors_restore (guint64 limit);

G_END_DECLS
