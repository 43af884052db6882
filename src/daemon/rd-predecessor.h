/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-succession.h"

G_BEGIN_DECLS

/* Finds the old worker, if any, and receives its greeting. @succession: (inout) (nullable): from
 * rd_succession_find(). If it is NULL, searches the stored clients, then (with --replace) the
 * running service. @environment: variables with the address of the bus. Returns: TRUE, or FALSE
 * with an error if an old worker exists but cannot hand over. */
gboolean rd_predecessor_find (const RdConfig *config,
                              char **environment,
                              RdInherited *inherited,
                              RdSuccession **succession,
                              GError **error);

G_END_DECLS
