/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Takes @value, floating, through bytes, as into another process, and asserts that nothing of it is
 * in doubt there. Returns: (transfer full). */
GVariant *carry (GVariant *value);

G_END_DECLS
