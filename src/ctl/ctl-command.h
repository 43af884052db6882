/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

#include "ctl-output.h"

G_BEGIN_DECLS

/* What the command line said; see ctl-arguments.h. */
typedef struct _CtlArguments CtlArguments;

typedef struct
{
  const char *name;    /* without the dashes */
  const char *metavar; /* of its value, marked for translation; NULL: a flag */
  const char *summary; /* marked for translation */
} CtlOption;

/* A command: a constant of the file that implements it, and a row of the table in ctl-commands.c.
 * What @run prints, it prints in the form that @output was made for; what went wrong it says in its
 * error, and exits with it. */
typedef struct
{
  const char *name;
  const char *arguments; /* as --help shows them, marked for translation; NULL: none */
  guint min_arguments;
  guint max_arguments;
  const char *summary;      /* one line, marked for translation */
  const char *description;  /* for COMMAND --help, marked for translation */
  const CtlOption *options; /* up to the one without a name; NULL: none */
  gboolean (*run) (const CtlArguments *arguments, CtlOutput *output, GError **error);
} CtlCommand;

G_END_DECLS
