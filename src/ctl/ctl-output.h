/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

/* Prints text or JSON to standard output. On a terminal, uses colours and shows a status line below
 * the text. The functions require printable UTF-8, in which newlines are allowed. */
typedef struct _CtlOutput CtlOutput;

/* Colours, as parameters of the control sequence SGR (ECMA-48 §8.3.117). */
typedef enum
{
  CTL_COLOUR_RED = 31,
  CTL_COLOUR_GREEN,
  CTL_COLOUR_YELLOW,
} CtlColour;

CtlOutput *ctl_output_new (gboolean is_json);

/* Removes the status line, and frees @self. */
void ctl_output_free (CtlOutput *self);

/* Returns: TRUE if the output is text on a terminal that can show a status line (not TERM=dumb). */
gboolean ctl_output_is_live (const CtlOutput *self);

/* Returns: the current width of the terminal in columns, or 0 if the output is not a terminal. */
guint ctl_output_get_width (const CtlOutput *self);

/* Returns: (transfer full): @text in @colour, or a plain copy if the output has no colours. */
char *ctl_output_paint (const CtlOutput *self, CtlColour colour, const char *text);

/* Prints @text and a newline above the status line. */
void ctl_output_print (CtlOutput *self, const char *text);

/* With --json, prints @json as one line of JSON (RFC 8259), otherwise @text. Dictionaries become
 * objects; integers of 2^63 or more become negative. If @json is floating, it is consumed. */
void ctl_output_print_result (CtlOutput *self, GVariant *json, const char *text);

/* Sets the status line to a dot (in @colour), then @text, cut to the width of the terminal.
 * @text: (nullable): NULL removes the status line. */
void ctl_output_set_status (CtlOutput *self, CtlColour colour, const char *text);

/* Returns: TRUE if a write has failed (output after the failure is discarded), or if standard
 * output is a pipe or a socket whose reader is gone. */
gboolean ctl_output_is_lost (const CtlOutput *self);

/* Returns: FALSE with an error if a write has failed for a reason other than a closed pipe (EPIPE)
 * or a signal (EINTR); otherwise TRUE. */
gboolean ctl_output_check (const CtlOutput *self, GError **error);

/* Sets @error to %G_IO_ERROR_FAILED. @format: translated error message. Returns: always FALSE. */
gboolean ctl_fail (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtlOutput, ctl_output_free)
