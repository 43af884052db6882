/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Standard output: text for people or JSON for programs; on a terminal with colours and a status
 * line at the bottom. All text has to be UTF-8, and printable but for its newlines. */
typedef struct _CtlOutput CtlOutput;

typedef enum
{
  CTL_COLOUR_GREEN,
  CTL_COLOUR_YELLOW,
  CTL_COLOUR_RED,
} CtlColour;

CtlOutput *ctl_output_new (gboolean is_json);
void ctl_output_free (CtlOutput *self);

gboolean ctl_output_is_json (const CtlOutput *self);

/* Whether there is a status line. */
gboolean ctl_output_is_live (const CtlOutput *self);

/* Returns: the columns of the terminal as it is now; 0: no terminal, and no limit. */
guint ctl_output_get_width (const CtlOutput *self);

/* Returns: (transfer full): @text in @colour, or as it is where there are no colours. */
char *ctl_output_paint (const CtlOutput *self, CtlColour colour, const char *text);

/* Prints @text, whole lines, above the status line. */
void ctl_output_print (CtlOutput *self, const char *text);

/* The same for one line, without its newline. */
void ctl_output_print_line (CtlOutput *self, const char *line);

/* Prints a line of JSON. Takes a floating @value. */
void ctl_output_print_json (CtlOutput *self, GVariant *value);

/* Shows @text on the status line, cut to fit, behind a dot in @colour. @text: NULL for no status
 * line. Without effect where there is none. */
void ctl_output_set_status (CtlOutput *self, CtlColour colour, const char *text);

/* Whether something could not be written: nothing more is. */
gboolean ctl_output_is_lost (const CtlOutput *self);

/* Returns: FALSE with an error if something could not be written, unless because the reader has
 * gone, or a signal came while he was waited for: somebody has had enough. */
gboolean ctl_output_check (const CtlOutput *self, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtlOutput, ctl_output_free)

G_END_DECLS
