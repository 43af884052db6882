/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-succession.h"

G_BEGIN_DECLS

/* Finds the old worker, if any, and receives its greeting. @succession: (inout) (nullable): from
 * rd_succession_find(); if NULL, set to stored clients or to the service that --replace finds.
 * Returns: FALSE with an error if an old worker exists but cannot hand over. */
gboolean rd_predecessor_find (const RdConfig *config,
                              RdInherited *inherited,
                              RdSuccession **succession,
                              GError **error);

G_END_DECLS
