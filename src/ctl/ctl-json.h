/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Returns: (transfer full): @value on one line of JSON that is safe on a terminal: dictionaries
 * with string keys as objects in their order, arrays, strings, booleans, numbers (those
 * from 2^63 on come out negative). Takes a floating @value. */
char *ctl_json_format (GVariant *value);

G_END_DECLS
