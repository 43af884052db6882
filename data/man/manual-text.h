/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The format of a document. */
typedef struct
{
  const char *indent;   /* before each line of a paragraph */
  const char *dashes;   /* replacement for the "--" of an option in a text */
  const char *bold;     /* switches to bold */
  const char *roman;    /* switches back */
  gboolean is_roff;     /* else plain text */
  gboolean is_key_file; /* else the command line */
} ManualStyle;

/* Appends @text to @out, escaped. */
void manual_add_text (GString *out, const ManualStyle *style, const char *text);

/* Appends @text in lines of at most 80 columns, with the names of options, such as --port, in bold.
 * In roff, each sentence begins a line. */
void manual_add_paragraph (GString *out, const ManualStyle *style, const char *text);

G_END_DECLS
