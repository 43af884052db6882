/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The tables of all commands, and of the options that all of them share: what there is, never what
 * it does. A new command is one row here with its declaration in the header, and one file, which
 * says everything else about it. */

#include "ctl-commands.h"

#include <glib/gi18n.h>

/* clang-format off */
static const CtlCommand *const commands[] = {
  &ctl_status_command,
  &ctl_clients_command,
  &ctl_publish_command,
  &ctl_disconnect_command,
  &ctl_upgrade_command,
  &ctl_drain_command,
  &ctl_cancel_drain_command,
  &ctl_shutdown_command,
  &ctl_monitor_command,
  &ctl_help_command,
};

static const CtlOption common_options[] = {
  { "system", NULL, N_ ("Ask on the system bus instead of the session bus") },
  { "instance", N_ ("NAME"), N_ ("Ask the service started with this --instance") },
  { "address", N_ ("ADDRESS"), N_ ("Ask on the message bus at this address") },
  { "json", NULL, N_ ("Print JSON") },
  { "help", NULL, N_ ("Print help for the program or a command") },
  { "version", NULL, N_ ("Print the version") },
  { .name = NULL },
};
/* clang-format on */

const CtlCommand *
ctl_commands_nth (guint index)
{
  return index < G_N_ELEMENTS (commands) ? commands[index] : NULL;
}

const CtlCommand *
ctl_commands_find (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      if (g_str_equal (commands[i]->name, name))
        return commands[i];
    }
  return NULL;
}

const CtlOption *
ctl_commands_get_common_options (void)
{
  return common_options;
}
