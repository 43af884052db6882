/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* Passes @value, floating, through bytes, as to another process, and asserts that the copy is in
 * normal form. Returns: (transfer full): the copy. */
GVariant *carry (GVariant *value);
