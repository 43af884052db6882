/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ctl-command.h"

G_BEGIN_DECLS

/* Reads the @words of a command line, the program's name not among them: options that all commands
 * share stand before or after the command, its own after it, each as "--name=value" or "--name
 * value"; "--" ends them. Returns: NULL with an error that names the word at fault. */
CtlArguments *ctl_arguments_parse (const char *const *words, GError **error);

void ctl_arguments_free (CtlArguments *self);

/* Returns: (nullable): NULL only together with --help or --version. */
const CtlCommand *ctl_arguments_get_command (const CtlArguments *self);

/* Returns: (nullable): the argument at @index, UTF-8. */
const char *ctl_arguments_nth (const CtlArguments *self, guint index);

gboolean ctl_arguments_has (const CtlArguments *self, const char *option);

/* Returns: (nullable): the value of @option, UTF-8; NULL if it was not given. */
const char *ctl_arguments_get (const CtlArguments *self, const char *option);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtlArguments, ctl_arguments_free)

G_END_DECLS
