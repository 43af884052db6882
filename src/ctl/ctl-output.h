/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-dbus.h"

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

/* With --json, prints a variant as one line of JSON (RFC 8259), otherwise @text. Dictionaries
 * become objects; integers of 2^63 or more become negative. @format: see g_variant_new_parsed(). */
void ctl_output_print_result (CtlOutput *self, const char *text, const char *format, ...);

/* Sets the status line to a dot (in @colour), then @text, cut to the width of the terminal.
 * @text: (nullable): NULL removes the status line. */
void ctl_output_set_status (CtlOutput *self, CtlColour colour, const char *text);

/* Returns: TRUE if a write has failed (output after the failure is discarded), or if standard
 * output is a pipe or a socket whose reader is gone. */
gboolean ctl_output_is_lost (const CtlOutput *self);

/* Returns: FALSE with an error if a write has failed for a reason other than a closed pipe (EPIPE)
 * or a signal (EINTR); otherwise TRUE. */
gboolean ctl_output_check (const CtlOutput *self, GError **error);

/* Result of the last hand-over of clients to a new worker; all 0 if there was no hand-over yet. */
typedef struct
{
  guint moved;      /* number of clients that stayed connected */
  guint closed;     /* number of clients closed with a close code */
  guint lost;       /* number of clients cut off without a close code */
  guint64 pause_us; /* time during which no client was served */
} CtlHandover;

/* JSON members of a CtlHandover: a format for g_variant_new_parsed() that takes its four fields. */
#define CTL_HANDOVER_JSON "'moved': <%u>, 'closed': <%u>, 'lost': <%u>, 'pause': <%t>"

/* An entry of a D-Bus dictionary ("a{sv}"), shown as a table column and as a member in JSON. */
typedef struct
{
  const char *key;
  const char *type;                  /* D-Bus type: "s", "u" or "t"; any type if heading is NULL */
  const char *heading;               /* marked for translation; NULL if shown only in JSON */
  char *(*format) (GVariant *value); /* returns a cell's text; if NULL, the cell shows the value */
} CtlField;

/* Returns: (transfer full): @number in decimal, for a %s in a translated message, because such a
 * message cannot contain G_GUINT64_FORMAT. */
char *ctl_format_number (guint64 number);

/* Returns: (transfer full): the translated name of @state, a value of the D-Bus property State. */
char *ctl_format_state (const char *state);

CtlColour ctl_colour_of_state (const char *state);

/* Returns: (transfer full): drain progress, such as "waiting for 3 clients, 29min 55s left".
 * @seconds_left: time until the service closes the clients; 0 if it is closing them now. */
char *ctl_format_remaining (guint clients, guint seconds_left);

/* Returns: (transfer full): a progress bar, then the text of ctl_format_remaining() for @service.
 * The bar is full if there are no clients, and empty if there are @most clients. */
char *ctl_format_drain (RdDBusServer1 *service, guint most);

/* Reads the property Handover of @service. Fields that are missing or have a wrong type are 0. */
CtlHandover ctl_get_handover (RdDBusServer1 *service);

/* Returns: (transfer full): a table with headings and one row per dictionary ("aa{sv}"); a missing
 * value is an empty cell. @fields: ends with an empty CtlField. @width: see rd_table_format(). */
char *ctl_format_table (GVariant *dictionaries, const CtlField *fields, guint width);

/* Returns: (transfer floating): a copy of @dictionaries ("aa{sv}") with only the entries whose key
 * and type are listed in @fields, because JSON cannot represent every D-Bus value. */
GVariant *ctl_select_fields (GVariant *dictionaries, const CtlField *fields);

/* Sets @error to %G_IO_ERROR_FAILED. @format: translated error message. Returns: always FALSE. */
gboolean ctl_fail (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtlOutput, ctl_output_free)
