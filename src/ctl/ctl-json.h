/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Returns: (transfer full): @value on one line of JSON that is safe on a terminal: dictionaries
 * with string keys as objects in their order, arrays, strings, booleans, numbers (those
 * from 2^63 on come out negative). Takes a floating @value. */
char *ctl_json_format (GVariant *value);

typedef struct
{
  const char *key;
  const char *type;
} CtlJsonField;

/* Returns: (transfer floating): of each of @dictionaries ("aa{sv}") what has a key and the type of
 * one of @fields: JSON cannot have all that a stranger may add. */
GVariant *ctl_json_select (GVariant *dictionaries, const CtlJsonField *fields, gsize n_fields);

G_END_DECLS
