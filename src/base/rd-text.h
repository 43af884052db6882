/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* Text for terminals and logs. A column is one cell of a terminal: a wide character takes two, a
 * combining one none. */

/* Returns: (transfer full): untrusted @text as valid UTF-8 on one line. Characters that are not
 * printable become \uXXXX; "…" replaces everything after @max_chars characters. */
char *rd_text_printable (const char *text, gsize max_chars);

/* The functions below take printable UTF-8. */

/* Returns: the width of @text in columns. */
guint rd_text_width (const char *text);

/* Returns: (transfer full): @text, shortened with "…" if it is wider than @columns. */
char *rd_text_cut (const char *text, guint columns);

/* Returns: (transfer full): the lines of the paragraph @text, at least one, each at most @columns
 * wide. Breaks at spaces, between ideographs, and inside words longer than a line. */
char **rd_text_wrap (const char *text, guint columns);
