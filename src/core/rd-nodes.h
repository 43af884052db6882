/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-drain.h"

/* One node: a running service. All strings are printable UTF-8 without line breaks. */
typedef struct
{
  char *id; /* random: process ids can repeat */
  char *host;
  guint pid;
  char *instance; /* may be empty */
  char *state;    /* "running", "draining" or "drained" */
  guint clients;
  char *version;
} RdNode;

void rd_node_free (RdNode *node);

/* Compares by host, instance, process id and id. */
int rd_node_compare (const RdNode *a, const RdNode *b);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdNode, rd_node_free)

/* All nodes that share one Redis, or this node alone.
 *
 * Signal "changed": the other nodes, or their states, have changed. */
#define RD_TYPE_NODES (rd_nodes_get_type ())
G_DECLARE_FINAL_TYPE (RdNodes, rd_nodes, RD, NODES, GObject)

/* @id: id of this node; @instance: nullable. Returns: (transfer full): without other nodes. */
RdNodes *rd_nodes_new (RdManager *manager, RdDrain *drain, const char *id, const char *instance);

/* Returns: (transfer full): the current state of this node. */
RdNode *rd_nodes_dup_self (RdNodes *self);

/* Replaces the other nodes. @others: (element-type RdNode) (transfer full): in any order; the array
 * frees its elements with rd_node_free(). */
void rd_nodes_set_others (RdNodes *self, GPtrArray *others);

/* Returns: (element-type RdNode) (transfer none): the other nodes, sorted. */
GPtrArray *rd_nodes_get_others (RdNodes *self);
