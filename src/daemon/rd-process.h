/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Returns: (transfer full): the path of the program that this process runs, as of now: a newer one
 * may be there later (proc(5), /proc/PID/exe). NULL with a #GFileError. */
char *rd_process_dup_program (GError **error);

/* Whether the end of this process is that of the container it is in: it is the first one there, or
 * the child of an init that runs nothing else. */
gboolean rd_process_ends_container (void);

G_END_DECLS
