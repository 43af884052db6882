/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-drain.h"

G_BEGIN_DECLS

/* A node: one running service. The strings are printable UTF-8 on one line. */
typedef struct
{
  char *id; /* random and unique */
  char *host;
  guint pid;
  char *instance; /* empty: none */
  char *state;    /* "running", "draining" or "drained" */
  guint clients;
  char *version;
} RdNode;

void rd_node_free (RdNode *node);

/* Returns: negative if @a comes before @b in the order of host, instance, process and id. */
int rd_node_compare (const RdNode *a, const RdNode *b);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdNode, rd_node_free)

/* The nodes that share one Redis: this one and the others.
 *
 * Signal "changed": another node was added, removed or changed. */
#define RD_TYPE_NODES (rd_nodes_get_type ())
G_DECLARE_FINAL_TYPE (RdNodes, rd_nodes, RD, NODES, GObject)

/* @id, @instance (nullable): of this node. Returns: (transfer full): without other nodes. */
RdNodes *rd_nodes_new (RdManager *manager, RdDrain *drain, const char *id, const char *instance);

/* Returns: (transfer full): the current state of this node. */
RdNode *rd_nodes_dup_self (RdNodes *self);

/* @others: (element-type RdNode) (transfer full): in any order, freed with rd_node_free(). */
void rd_nodes_set_others (RdNodes *self, GPtrArray *others);

/* Returns: (element-type RdNode) (transfer none): in the order of rd_node_compare(). */
GPtrArray *rd_nodes_get_others (RdNodes *self);

G_END_DECLS
