/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ctl-output.h"
#include "rd-dbus.h"
#include "rd-table.h"

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
char *ctl_view_number (guint64 number);

/* Returns: (transfer full): the translated name of @state, a value of the D-Bus property State. */
char *ctl_view_state (const char *state);

CtlColour ctl_view_colour_of_state (const char *state);

/* Returns: (transfer full): drain progress, such as "waiting for 3 clients, 29min 55s left".
 * @seconds_left: time until the service closes the clients; 0 if it is closing them now. */
char *ctl_view_remaining (guint clients, guint seconds_left);

/* Returns: (transfer full): a progress bar, then the text of ctl_view_remaining() for @service. The
 * bar is full if there are no clients, and empty if there are @most clients. */
char *ctl_view_drain (RdDBusServer1 *service, guint most);

/* Reads the property Handover of @service. Fields that are missing or have a wrong type are 0. */
CtlHandover ctl_view_get_handover (RdDBusServer1 *service);

/* Returns: (transfer full): a table with headings and one row per dictionary ("aa{sv}"); a missing
 * value is an empty cell. @fields: ends with an empty CtlField. @width: see rd_table_format(). */
char *ctl_view_format_table (GVariant *dictionaries, const CtlField *fields, guint width);

/* Returns: (transfer floating): a copy of @dictionaries ("aa{sv}") with only the entries whose key
 * and type are listed in @fields, because JSON cannot represent every D-Bus value. */
GVariant *ctl_view_select (GVariant *dictionaries, const CtlField *fields);
