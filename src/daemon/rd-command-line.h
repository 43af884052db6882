/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

#include "rd-settings.h"

G_BEGIN_DECLS

/* Adds to @settings what the command line @argv (NULL-terminated, with the program's name) says.
 * @config_file: (out) (transfer full): what follows --config, else NULL.
 * @answer: (out) (transfer full): what --help or --version print, else NULL.
 * The error is a %G_OPTION_ERROR. */
gboolean rd_command_line_read (RdSettings *settings,
                               char **argv,
                               char **config_file,
                               char **answer,
                               GError **error);

G_END_DECLS
