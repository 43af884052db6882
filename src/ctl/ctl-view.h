/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ctl-output.h"
#include "rd-dbus.h"
#include "rd-table.h"

/* The last hand-over of the clients to a new worker; all 0 without one. */
typedef struct
{
  guint moved;      /* clients that stayed connected */
  guint closed;     /* clients closed with a close code */
  guint lost;       /* clients cut off */
  guint64 pause_us; /* time during which no client was served */
} CtlHandover;

/* The members of a CtlHandover, in this order, as JSON: for g_variant_new_parsed(). */
#define CTL_HANDOVER_JSON "'moved': <%u>, 'closed': <%u>, 'lost': <%u>, 'pause': <%t>"

/* An entry of a D-Bus dictionary ("a{sv}"), as a column of a table and in JSON. */
typedef struct
{
  const char *key;
  const char *type;                  /* of the value; without heading any, else "s", "u" or "t" */
  const char *heading;               /* marked for translation; NULL: only in JSON */
  char *(*format) (GVariant *value); /* for the table; NULL: the text or number itself */
} CtlField;

/* Returns: (transfer full): @number for the %s of a translated message, which cannot contain
 * G_GUINT64_FORMAT. */
char *ctl_view_number (guint64 number);

/* Returns: (transfer full): the translated name of @state, a value of the property State. */
char *ctl_view_state (const char *state);

CtlColour ctl_view_colour_of_state (const char *state);

/* Returns: (transfer full): "waiting for 3 clients, 29min 55s left". @seconds_left: 0 when the
 * remaining clients are being closed. */
char *ctl_view_remaining (guint clients, guint seconds_left);

/* Returns: (transfer full): the same after a bar, which is full when all of @most clients have
 * left. */
char *ctl_view_drain (guint clients, guint most, guint seconds_left);

/* Reads the properties of @service. Values that are missing or have another type are 0. */
CtlHandover ctl_view_get_handover (RdDBusServer1 *service);

/* Returns: (transfer full): a table of @dictionaries ("aa{sv}") with headings, in which missing
 * values are empty. @fields: end with an empty one. @width: as for rd_table_format(). */
char *ctl_view_format_table (GVariant *dictionaries, const CtlField *fields, guint width);

/* Returns: (transfer floating): @dictionaries ("aa{sv}") without the entries that are not in
 * @fields or have another type: JSON cannot represent every D-Bus value. */
GVariant *ctl_view_select (GVariant *dictionaries, const CtlField *fields);

/* Returns: (transfer full): an empty table with a column of labels and one of values. */
RdTable *ctl_view_new_list (void);

/* Returns: (transfer full): the name of @service, @outcome in @colour, and @list below. */
char *ctl_view_format_list (const CtlOutput *output,
                            RdDBusServer1 *service,
                            CtlColour colour,
                            const char *outcome,
                            const RdTable *list);
