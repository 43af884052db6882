/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How a kind of page is written. */
typedef struct
{
  const char *indent;   /* of each line of a text */
  const char *dashes;   /* what a text that names an option has for its two dashes */
  const char *bold;     /* before what is to be typed as it stands, */
  const char *roman;    /* and behind it */
  gboolean is_roff;     /* else plain text */
  gboolean is_key_file; /* else the command line */
} ManualStyle;

/* Appends @text to @out so that it reads as it stands. */
void manual_add_text (GString *out, const ManualStyle *style, const char *text);

/* Appends @text in lines of at most 80 columns; in roff, a sentence begins a line. An option that
 * is named in it, as --port, is set off. */
void manual_add_paragraph (GString *out, const ManualStyle *style, const char *text);

G_END_DECLS
