/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

#include "rd-settings.h"

G_BEGIN_DECLS

/* Adds to @settings what the key file says: @given, else the variable RINGDOWN_CONFIG in @envp, and
 * that file must exist; else the user's or the system's file, which may be missing.
 * On error (%G_IO_ERROR, %G_KEY_FILE_ERROR) the message names the file, and the group and the key
 * if it is about one. */
gboolean rd_key_file_read (RdSettings *settings, const char *given, char **envp, GError **error);

G_END_DECLS
