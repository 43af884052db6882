/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ctl-output.h"

G_BEGIN_DECLS

/* How the commands show what they have in common. */

/* Returns: (transfer full): @number for the %s of a message: those are translated, and cannot have
 * G_GUINT64_FORMAT in them. */
char *ctl_view_number (guint64 number);

/* Returns: (transfer full): the word for @state, as D-Bus has it, in the reader's language. */
char *ctl_view_state (const char *state);

CtlColour ctl_view_colour_of_state (const char *state);

/* Returns: (transfer full): "waiting for 3 clients, 29min 55s left". @seconds_left: 0 if they are
 * being closed already. */
char *ctl_view_remaining (guint clients, guint seconds_left);

/* Returns: (transfer full): the same behind a bar, which is full when all of @most clients have
 * left. */
char *ctl_view_drain (guint clients, guint most, guint seconds_left);

G_END_DECLS
