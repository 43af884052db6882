/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ctl-command.h"

G_BEGIN_DECLS

extern const CtlCommand ctl_cancel_drain_command;
extern const CtlCommand ctl_clients_command;
extern const CtlCommand ctl_disconnect_command;
extern const CtlCommand ctl_drain_command;
extern const CtlCommand ctl_help_command;
extern const CtlCommand ctl_monitor_command;
extern const CtlCommand ctl_publish_command;
extern const CtlCommand ctl_shutdown_command;
extern const CtlCommand ctl_status_command;
extern const CtlCommand ctl_upgrade_command;

/* Returns: (nullable): the command at @index in the order of --help, NULL after the last. */
const CtlCommand *ctl_commands_nth (guint index);

/* Returns: (nullable): the command called @name. */
const CtlCommand *ctl_commands_find (const char *name);

/* The options that every command takes, up to the one without a name. */
const CtlOption *ctl_commands_get_common_options (void);

G_END_DECLS
