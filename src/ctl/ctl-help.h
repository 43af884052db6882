/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ctl-command.h"

G_BEGIN_DECLS

/* Prints the page of @command; NULL: that of the program. */
void ctl_help_print (const CtlCommand *command, CtlOutput *output);

G_END_DECLS
