/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ctl-output.h"
#include "rd-dbus.h"

G_BEGIN_DECLS

/* Prints all workers that the service behind @proxy, which has its properties, knows of, and what
 * they are together. */
void ctl_nodes_print (RdDBusServer1 *proxy, CtlOutput *output);

/* Returns: the process id of that service; 0: it does not tell. */
guint ctl_nodes_get_own_pid (RdDBusServer1 *proxy);

G_END_DECLS
