/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* Text for terminals and logs. Widths are in columns of a terminal: a wide character occupies two
 * columns, a combining character none. */

/* Returns: (transfer full): untrusted @text as printable UTF-8 on one line. Replaces each
 * unprintable character with \uXXXX, and everything after @max_chars characters with "…". */
char *rd_text_printable (const char *text, gsize max_chars);

/* The functions below require printable UTF-8. */

/* Returns: the width of @text in columns of a terminal. */
guint rd_text_width (const char *text);

/* Returns: (transfer full): @text, cut to at most @columns (with a final "…") if it is wider. */
char *rd_text_cut (const char *text, guint columns);

/* Breaks @text into lines that are at most @columns wide. Lines end at spaces, next to ideographs,
 * or inside words that are wider than a line. Returns: (transfer full): the lines, at least one. */
char **rd_text_wrap (const char *text, guint columns);
