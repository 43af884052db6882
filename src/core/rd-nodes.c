/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The list of nodes: the state of this node, and the last known state of other nodes. */

#include "rd-nodes.h"

#include "rd-text.h"

#include <unistd.h>

#define HOST_MAX     255 /* characters */
#define INSTANCE_MAX 255

struct _RdNodes
{
  GObject parent_instance;

  RdManager *manager; /* owned */
  RdDrain *drain;     /* owned */
  char *id;           /* owned */
  char *host;         /* owned */
  char *instance;     /* owned */
  GPtrArray *others;  /* RdNode, owned */
};

G_DEFINE_FINAL_TYPE (RdNodes, rd_nodes, G_TYPE_OBJECT)

void
rd_node_free (RdNode *node)
{
  g_free (node->id);
  g_free (node->host);
  g_free (node->instance);
  g_free (node->state);
  g_free (node->version);
  g_free (node);
}

int
rd_node_compare (const RdNode *a, const RdNode *b)
{
  int order = g_strcmp0 (a->host, b->host);

  if (order == 0)
    order = g_strcmp0 (a->instance, b->instance);
  if (order == 0)
    order = (a->pid > b->pid) - (a->pid < b->pid);
  return order != 0 ? order : g_strcmp0 (a->id, b->id);
}

static int
compare (gconstpointer a, gconstpointer b)
{
  return rd_node_compare (*(const RdNode *const *) a, *(const RdNode *const *) b);
}

static gboolean
is_same (const RdNode *a, const RdNode *b)
{
  return rd_node_compare (a, b) == 0 && a->clients == b->clients && g_str_equal (a->state, b->state)
         && g_str_equal (a->version, b->version);
}

static gboolean
are_lists_same (const GPtrArray *a, const GPtrArray *b)
{
  gboolean are_same = a->len == b->len;

  for (guint i = 0; are_same && i < a->len; i++)
    are_same = is_same (a->pdata[i], b->pdata[i]);
  return are_same;
}

static void
rd_nodes_finalize (GObject *object)
{
  RdNodes *self = RD_NODES (object);

  g_ptr_array_unref (self->others);
  g_free (self->instance);
  g_free (self->host);
  g_free (self->id);
  g_object_unref (self->drain);
  g_object_unref (self->manager);
  G_OBJECT_CLASS (rd_nodes_parent_class)->finalize (object);
}

static void
rd_nodes_class_init (RdNodesClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = rd_nodes_finalize;
  g_signal_new ("changed", RD_TYPE_NODES, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
rd_nodes_init (RdNodes *self)
{
  self->others = g_ptr_array_new_with_free_func ((GDestroyNotify) rd_node_free);
}

RdNodes *
rd_nodes_new (RdManager *manager, RdDrain *drain, const char *id, const char *instance)
{
  RdNodes *self = g_object_new (RD_TYPE_NODES, NULL);

  self->manager = g_object_ref (manager);
  self->drain = g_object_ref (drain);
  self->id = g_strdup (id);
  self->host = rd_text_printable (g_get_host_name (), HOST_MAX);
  self->instance = rd_text_printable (instance != NULL ? instance : "", INSTANCE_MAX);
  return self;
}

RdNode *
rd_nodes_dup_self (RdNodes *self)
{
  RdNode *node = g_new0 (RdNode, 1);

  node->id = g_strdup (self->id);
  node->host = g_strdup (self->host);
  node->pid = getpid ();
  node->instance = g_strdup (self->instance);
  node->state = g_strdup (rd_drain_get_state (self->drain));
  node->clients = rd_manager_get_connections (self->manager);
  node->version = g_strdup (RINGDOWN_VERSION);
  return node;
}

void
rd_nodes_set_others (RdNodes *self, GPtrArray *others)
{
  g_autoptr (GPtrArray) old = g_steal_pointer (&self->others);

  g_ptr_array_sort (others, compare);
  self->others = others;
  if (!are_lists_same (old, others))
    g_signal_emit_by_name (self, "changed");
}

GPtrArray *
rd_nodes_get_others (RdNodes *self)
{
  return self->others;
}
