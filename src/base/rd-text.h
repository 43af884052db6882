/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Returns: (transfer full): @text as a person may be shown it, whatever it is: valid UTF-8 on one
 * line, others than printable characters as \uXXXX, cut with "…" after @max_chars characters. */
char *rd_text_printable (const char *text, gsize max_chars);

G_END_DECLS
