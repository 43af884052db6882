/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ctl-output.h"

/* The parsed command line. The strings are UTF-8, owned, and NULL if not given. */
typedef struct
{
  gboolean system;
  gboolean json;
  gboolean help;
  gboolean version;
  gboolean all;
  gboolean wait;
  char *address;
  char *instance;
  char *code;
  char *reason;
  char *timeout;
  char *argument;
} CtlArguments;

/* Offset of @member in CtlArguments, for the arg_data of a command's GOptionEntry. */
#define CTL_FIELD(member) GSIZE_TO_POINTER (G_STRUCT_OFFSET (CtlArguments, member))

typedef struct
{
  const char *name;
  const char *argument;        /* placeholder: "ID", or "[MESSAGE]" if optional; NULL if none */
  const char *summary;         /* shown in the list of commands; marked for translation */
  const char *description;     /* shown by COMMAND --help; marked for translation */
  const GOptionEntry *options; /* nullable: options that only this command has */
  gboolean (*run) (const CtlArguments *arguments, CtlOutput *output, GError **error);
} CtlCommand;

extern const CtlCommand ctl_cancel_drain_command;
extern const CtlCommand ctl_clients_command;
extern const CtlCommand ctl_disconnect_command;
extern const CtlCommand ctl_drain_command;
extern const CtlCommand ctl_monitor_command;
extern const CtlCommand ctl_publish_command;
extern const CtlCommand ctl_shutdown_command;
extern const CtlCommand ctl_status_command;
extern const CtlCommand ctl_upgrade_command;
