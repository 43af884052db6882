/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Takes the locale from the environment (setlocale(3)), and translations of it, or of LANGUAGE,
 * from where they were installed. Called once, first in main(). */
void rd_locale_init (void);

G_END_DECLS
