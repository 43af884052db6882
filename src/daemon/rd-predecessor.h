/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-succession.h"

G_BEGIN_DECLS

/* Finds out whom this process succeeds, if anybody, and hears what has to be known of it first.
 * @succession: (inout) (nullable): of rd_succession_find(); else whom else there is; NULL: nobody.
 * Returns: FALSE with an error if there is somebody who cannot be succeeded. */
gboolean rd_predecessor_find (const RdConfig *config,
                              RdInherited *inherited,
                              RdSuccession **succession,
                              GError **error);

G_END_DECLS
