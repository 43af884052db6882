/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-settings.h"

G_BEGIN_DECLS

/* Appends to @page the key file that was read, and each option with its value in the struct at
 * @record, and who set that. @columns: of the page, 0: any. */
void rd_check_settings_append (GString *page,
                               const RdSettings *settings,
                               gconstpointer record,
                               guint columns);

G_END_DECLS
