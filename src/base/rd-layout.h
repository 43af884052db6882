/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Strings are valid UTF-8, and printable: an escape sequence would be counted as if it were shown.
 */

/* Returns: how many columns of a terminal @text takes: two for a wide character, none for one that
 * combines with the one before. */
guint rd_layout_width (const char *text);

/* Returns: (transfer full): @text if it takes at most @columns, else as much of its beginning as
 * fits together with "…". */
char *rd_layout_cut (const char *text, guint columns);

/* Returns: (transfer full): the lines of the paragraph @text, at least one, each at most @columns
 * wide: broken at spaces, between ideographs, and else within a word that is too long. */
char **rd_layout_wrap (const char *text, guint columns);

/* Appends @text to @page, its first line after @lead and the others below. @columns: of the page,
 * 0: any, then it stays on one line. */
void rd_layout_append (GString *page, const char *lead, const char *text, guint columns);

G_END_DECLS
