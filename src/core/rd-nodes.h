/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-drain.h"

G_BEGIN_DECLS

/* A worker. Its texts are printable UTF-8 on one line, whoever chose them. */
typedef struct
{
  char *id; /* random, of its own: a process id may come again */
  char *host;
  guint pid;
  char *instance; /* empty: none */
  char *state;    /* "running", "draining" or "drained" */
  guint clients;
  char *version;
} RdNode;

void rd_node_free (RdNode *node);

/* Returns: negative if @a comes before @b: by host, instance and process. */
int rd_node_compare (const RdNode *a, const RdNode *b);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdNode, rd_node_free)

/* The workers that make up one service: this one, as it is now, and the others, as somebody has
 * last heard of them.
 *
 * Signal "changed": the others are not what they were. */
#define RD_TYPE_NODES (rd_nodes_get_type ())
G_DECLARE_FINAL_TYPE (RdNodes, rd_nodes, RD, NODES, GObject)

/* @id, @instance (nullable): of this worker. Returns: (transfer full): without others. */
RdNodes *rd_nodes_new (RdManager *manager, RdDrain *drain, const char *id, const char *instance);

/* Returns: (transfer full): this worker now. */
RdNode *rd_nodes_dup_self (RdNodes *self);

/* @others: (element-type RdNode) (transfer full): in any order, with rd_node_free(). */
void rd_nodes_set_others (RdNodes *self, GPtrArray *others);

/* Returns: (element-type RdNode) (transfer none): in order. */
GPtrArray *rd_nodes_get_others (RdNodes *self);

/* Returns: how often the others have changed. */
guint64 rd_nodes_get_generation (RdNodes *self);

G_END_DECLS
