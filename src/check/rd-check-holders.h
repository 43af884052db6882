/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Returns: (transfer full) (element-type int): the processes whose listening sockets keep others
 * from @address, as far as the caller may look into them (proc(5), /proc/PID/fd). */
GArray *rd_check_holders_find (GInetSocketAddress *address);

/* Returns: (transfer full): the name of process @pid, fit to be shown; empty if it is gone. */
char *rd_check_holders_dup_name (int pid);

G_END_DECLS
