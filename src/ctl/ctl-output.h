/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

/* Standard output: text or JSON, and on a terminal also colours and a status line below the text.
 * Text is printable UTF-8 with newlines. */
typedef struct _CtlOutput CtlOutput;

/* Parameters of the control sequence SGR (ECMA-48 §8.3.117). */
typedef enum
{
  CTL_COLOUR_RED = 31,
  CTL_COLOUR_GREEN,
  CTL_COLOUR_YELLOW,
} CtlColour;

CtlOutput *ctl_output_new (gboolean is_json);

/* Removes the status line, and frees @self. */
void ctl_output_free (CtlOutput *self);

/* Returns: whether there is a status line. */
gboolean ctl_output_is_live (const CtlOutput *self);

/* Returns: the current width of the terminal in columns; 0 if the output is not a terminal. */
guint ctl_output_get_width (const CtlOutput *self);

/* Returns: (transfer full): @text in @colour, or a copy if there are no colours. */
char *ctl_output_paint (const CtlOutput *self, CtlColour colour, const char *text);

/* Prints @text and a newline, above the status line. */
void ctl_output_print (CtlOutput *self, const char *text);

/* Prints @text, or @json as one line of JSON (RFC 8259) with dictionaries as objects.
 * In JSON, integers from 2^63 on come out negative. Consumes a floating @json. */
void ctl_output_print_result (CtlOutput *self, GVariant *json, const char *text);

/* Replaces the status line with a dot in @colour and @text, cut to the width of the terminal. NULL
 * removes the status line. */
void ctl_output_set_status (CtlOutput *self, CtlColour colour, const char *text);

/* Returns: whether a write has failed; later output is discarded. */
gboolean ctl_output_is_lost (const CtlOutput *self);

/* Returns: FALSE with an error if a write failed, other than because the reader closed the pipe
 * (EPIPE) or a signal interrupted the write (EINTR). */
gboolean ctl_output_check (const CtlOutput *self, GError **error);

/* Sets @error to %G_IO_ERROR_FAILED with a translated message. Returns: FALSE. */
gboolean ctl_fail (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtlOutput, ctl_output_free)
