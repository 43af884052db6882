/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-drain.h"

/* A node: one running service. All strings are printable UTF-8 without line breaks. */
typedef struct
{
  char *id; /* random, because process ids are reused */
  char *host;
  guint pid;
  char *instance; /* may be empty */
  char *state;    /* "running", "draining" or "drained" */
  guint clients;
  char *version;
} RdNode;

void rd_node_free (RdNode *node);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdNode, rd_node_free)

/* The nodes that share one Redis server; without Redis, only this node.
 *
 * Signal "changed": the list of other nodes, or the state of one of them, has changed. */
#define RD_TYPE_NODES (rd_nodes_get_type ())
G_DECLARE_FINAL_TYPE (RdNodes, rd_nodes, RD, NODES, GObject)

/* Returns: (transfer full): a list of only this node. @instance: (nullable): instance name. */
RdNodes *rd_nodes_new (RdManager *manager, RdDrain *drain, const char *id, const char *instance);

/* Returns: (transfer none): the current state of this node; changed by the next call. */
const RdNode *rd_nodes_get_own (RdNodes *self);

/* Replaces the other nodes. @others: (element-type RdNode) (transfer full): the nodes in any order;
 * the free function of the array must be rd_node_free(). */
void rd_nodes_set_others (RdNodes *self, GPtrArray *others);

/* Returns: (transfer floating): all nodes including this one, sorted by host, instance and process
 * id; type aa{sv}, as in the D-Bus property Nodes. */
GVariant *rd_nodes_to_variant (RdNodes *self);
