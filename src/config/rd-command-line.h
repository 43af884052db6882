/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

#include "rd-settings.h"

G_BEGIN_DECLS

/* What the command line says beside the settings. */
typedef struct
{
  char *config_file; /* owned, nullable: what follows --config */
  char *answer;      /* owned, nullable: what --help or --version print */
  gboolean check;
} RdCommandLine;

/* Adds to @settings what the command line @argv (NULL-terminated, with the program's name) says,
 * and puts the rest into @line, which is all NULL before. The error is a %G_OPTION_ERROR. */
gboolean rd_command_line_read (RdCommandLine *line,
                               RdSettings *settings,
                               char **argv,
                               GError **error);
void rd_command_line_clear (RdCommandLine *line);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (RdCommandLine, rd_command_line_clear)

G_END_DECLS
