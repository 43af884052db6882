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
  RdNode *own;        /* owned; see rd_nodes_get_own() */
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

/* Compares two nodes by host, instance, process id and node id. */
static int
compare (gconstpointer a, gconstpointer b)
{
  const RdNode *left = *(const RdNode *const *) a;
  const RdNode *right = *(const RdNode *const *) b;
  int order = g_strcmp0 (left->host, right->host);

  if (order == 0)
    order = g_strcmp0 (left->instance, right->instance);
  if (order == 0)
    order = (left->pid > right->pid) - (left->pid < right->pid);
  return order != 0 ? order : g_strcmp0 (left->id, right->id);
}

static void
rd_nodes_finalize (GObject *object)
{
  RdNodes *self = RD_NODES (object);

  g_ptr_array_unref (self->others);
  rd_node_free (self->own);
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
  self->own = g_new0 (RdNode, 1);
  self->own->id = g_strdup (id);
  self->own->host = rd_text_printable (g_get_host_name (), HOST_MAX);
  self->own->pid = getpid ();
  self->own->instance = rd_text_printable (instance != NULL ? instance : "", INSTANCE_MAX);
  self->own->version = g_strdup (RINGDOWN_VERSION);
  return self;
}

const RdNode *
rd_nodes_get_own (RdNodes *self)
{
  g_free (self->own->state);
  self->own->state = g_strdup (rd_drain_get_state (self->drain));
  self->own->clients = rd_manager_get_connections (self->manager);
  return self->own;
}

void
rd_nodes_set_others (RdNodes *self, GPtrArray *others)
{
  g_autoptr (GVariant) before = g_variant_ref_sink (rd_nodes_to_variant (self));
  g_autoptr (GVariant) after = NULL;

  g_ptr_array_sort (others, compare);
  g_ptr_array_unref (self->others);
  self->others = others;
  after = g_variant_ref_sink (rd_nodes_to_variant (self));
  if (!g_variant_equal (before, after))
    g_signal_emit_by_name (self, "changed");
}

/* Other programs read this dictionary: never rename or remove a key, or change its type. */
static void
add_node (GVariantBuilder *list, const RdNode *node, gboolean is_self)
{
  g_variant_builder_add_parsed (list,
                                "{'id': <%s>, 'host': <%s>, 'pid': <%u>, 'instance': <%s>, "
                                "'state': <%s>, 'clients': <%u>, 'version': <%s>, 'self': <%b>}",
                                node->id, node->host, node->pid, node->instance, node->state,
                                node->clients, node->version, is_self);
}

GVariant *
rd_nodes_to_variant (RdNodes *self)
{
  const RdNode *own = rd_nodes_get_own (self);
  const GPtrArray *others = self->others;
  GVariantBuilder list;
  guint i = 0;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (; i < others->len && compare (&others->pdata[i], &own) < 0; i++)
    add_node (&list, others->pdata[i], FALSE);
  add_node (&list, own, TRUE);
  for (; i < others->len; i++)
    add_node (&list, others->pdata[i], FALSE);
  return g_variant_builder_end (&list);
}
