/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-manager.h"
#include "rd-nodes.h"

G_BEGIN_DECLS

/* Lists for D-Bus, as data/org.ringdown.Server1.xml documents their fields.
 * Returns: (transfer floating): an aa{sv}. */

/* This worker, in its place among the others. */
GVariant *rd_vardicts_of_nodes (RdNodes *nodes);

/* Oldest first. */
GVariant *rd_vardicts_of_clients (RdManager *manager);

G_END_DECLS
