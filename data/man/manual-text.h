/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The format of a kind of page. */
typedef struct
{
  const char *indent;   /* of each line */
  const char *dashes;   /* replaces the two dashes of an option name */
  const char *bold;     /* begins literal text */
  const char *roman;    /* ends literal text */
  gboolean is_roff;     /* FALSE: plain text */
  gboolean is_key_file; /* FALSE: the command line */
} ManualStyle;

/* Appends @text to @out, escaped so that it is printed unchanged. */
void manual_add_text (GString *out, const ManualStyle *style, const char *text);

/* Appends @text in lines of at most 80 columns, and marks option names such as --port. In roff,
 * each sentence begins on a new line. */
void manual_add_paragraph (GString *out, const ManualStyle *style, const char *text);

G_END_DECLS
