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

/* Returns: (transfer full): @number for the %s of a translated message, which cannot contain
 * G_GUINT64_FORMAT. */
char *ctl_view_number (guint64 number);

/* Returns: (transfer full): the translated name of @state, which is a value of the property State.
 */
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

/* Adds the hand-over to @object ("a{sv}") with the keys of the D-Bus property. */
void ctl_view_add_handover (const CtlHandover *handover, GVariantBuilder *object);

/* Returns: the process id of @service from its list of nodes; 0: unknown. */
guint ctl_view_get_pid (RdDBusServer1 *service);

/* Returns: (transfer full): an empty table with a column of labels and one of values. */
RdTable *ctl_view_new_list (void);

/* Returns: (transfer full): @name, @outcome in @colour, and the table @list below. */
char *ctl_view_format_list (const CtlOutput *output,
                            const char *name,
                            CtlColour colour,
                            const char *outcome,
                            const RdTable *list);
