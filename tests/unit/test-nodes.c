/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The list of nodes: the state of this node, the order of the others, and the signal for changes.
 */

#include <unistd.h>

#include "core-fixture.h"
#include "rd-nodes.h"

#define LONG_US (600 * G_USEC_PER_SEC)

typedef struct
{
  CoreFixture core;
  RdDrain *drain;
  RdNodes *nodes;
  guint n_changed; /* signals */
} NodesFixture;

static void
on_changed (NodesFixture *fixture)
{
  fixture->n_changed++;
}

static void
set_up (NodesFixture *fixture, gconstpointer instance)
{
  const RdDrainOptions options = { .timeout_us = LONG_US, .interval_us = LONG_US };

  core_fixture_set_up (&fixture->core, NULL);
  fixture->drain = rd_drain_new (fixture->core.manager, &options);
  fixture->nodes = rd_nodes_new (fixture->core.manager, fixture->drain, "5eed", instance);
  g_signal_connect_swapped (fixture->nodes, "changed", G_CALLBACK (on_changed), fixture);
}

static void
tear_down (NodesFixture *fixture, gconstpointer instance)
{
  g_assert_finalize_object (fixture->nodes);
  g_assert_finalize_object (fixture->drain);
  core_fixture_tear_down (&fixture->core, NULL);
}

static RdNode *
make_node (const char *id, const char *host, const char *instance, guint pid)
{
  RdNode *node = g_new0 (RdNode, 1);

  node->id = g_strdup (id);
  node->host = g_strdup (host);
  node->instance = g_strdup (instance);
  node->pid = pid;
  node->state = g_strdup ("running");
  node->version = g_strdup ("1.2.3");
  return node;
}

/* Five nodes in the order e, d, c, b, a. */
static GPtrArray *
make_others (void)
{
  GPtrArray *others = g_ptr_array_new_with_free_func ((GDestroyNotify) rd_node_free);

  g_ptr_array_add (others, make_node ("e", "beta", "", 1));
  g_ptr_array_add (others, make_node ("d", "alpha", "2", 8));
  g_ptr_array_add (others, make_node ("c", "alpha", "1", 30));
  g_ptr_array_add (others, make_node ("b", "alpha", "1", 9));
  g_ptr_array_add (others, make_node ("a", "alpha", "1", 9));
  return others;
}

static void
own_node_is_current (NodesFixture *fixture, gconstpointer instance)
{
  const RdNode *node = rd_nodes_get_own (fixture->nodes);

  g_assert_cmpstr (node->id, ==, "5eed");
  g_assert_cmpstr (node->host, ==, g_get_host_name ());
  g_assert_cmpuint (node->pid, ==, getpid ());
  g_assert_cmpstr (node->instance, ==, instance);
  g_assert_cmpstr (node->state, ==, "running");
  g_assert_cmpuint (node->clients, ==, 0);
  g_assert_cmpstr (node->version, ==, RINGDOWN_VERSION);

  core_fixture_join (&fixture->core);
  rd_drain_begin (fixture->drain, -1);
  node = rd_nodes_get_own (fixture->nodes);
  g_assert_cmpstr (node->state, ==, "draining");
  g_assert_cmpuint (node->clients, ==, 1);
  g_assert_cmpuint (fixture->n_changed, ==, 0);
}

static void
an_instance_is_printable_or_empty (NodesFixture *fixture, gconstpointer instance)
{
  const RdNode *node = rd_nodes_get_own (fixture->nodes);

  g_assert_cmpstr (node->instance, ==, instance != NULL ? "a\\u001b[31m" : "");
}

/* Returns: (transfer full): the ids of the other nodes, in order. Checks that this node is listed.
 */
static char *
dup_ids (NodesFixture *fixture)
{
  g_autoptr (GVariant) nodes = g_variant_ref_sink (rd_nodes_to_variant (fixture->nodes));
  GString *ids = g_string_new (NULL);
  guint n_self = 0;

  for (gsize i = 0; i < g_variant_n_children (nodes); i++)
    {
      g_autoptr (GVariant) node = g_variant_get_child_value (nodes, i);
      const char *id;
      gboolean is_self;

      g_assert_true (g_variant_lookup (node, "id", "&s", &id));
      g_assert_true (g_variant_lookup (node, "self", "b", &is_self));
      g_assert_cmpint (is_self, ==, g_str_equal (id, "5eed"));
      if (is_self)
        n_self++;
      else
        g_string_append (ids, id);
    }
  g_assert_cmpuint (n_self, ==, 1);
  return g_string_free (ids, FALSE);
}

static void
starts_without_other_nodes (NodesFixture *fixture, gconstpointer instance)
{
  g_autofree char *ids = dup_ids (fixture);

  g_assert_cmpstr (ids, ==, "");
  g_assert_cmpuint (fixture->n_changed, ==, 0);
}

static void
other_nodes_are_sorted (NodesFixture *fixture, gconstpointer instance)
{
  g_autofree char *ids = NULL;

  rd_nodes_set_others (fixture->nodes, make_others ());
  ids = dup_ids (fixture);
  g_assert_cmpstr (ids, ==, "abcde");
  g_assert_cmpuint (fixture->n_changed, ==, 1);
}

static void
an_equal_list_is_not_a_change (NodesFixture *fixture, gconstpointer instance)
{
  rd_nodes_set_others (fixture->nodes, make_others ());
  rd_nodes_set_others (fixture->nodes, make_others ());
  g_assert_cmpuint (fixture->n_changed, ==, 1);
}

static void
replace (char **text)
{
  g_free (*text);
  *text = g_strdup ("new");
}

/* Sets the five nodes with field number @what changed in the first. */
static void
set_changed (NodesFixture *fixture, guint what)
{
  GPtrArray *others = make_others ();
  RdNode *node = others->pdata[0];
  char **texts[] = { &node->id, &node->host, &node->instance, &node->state, &node->version };

  if (what < G_N_ELEMENTS (texts))
    replace (texts[what]);
  else if (what == G_N_ELEMENTS (texts))
    node->pid++;
  else
    node->clients++;
  rd_nodes_set_others (fixture->nodes, others);
}

static void
each_field_is_compared (NodesFixture *fixture, gconstpointer instance)
{
  for (guint what = 0; what < 7; what++)
    {
      rd_nodes_set_others (fixture->nodes, make_others ());
      fixture->n_changed = 0;
      set_changed (fixture, what);
      g_assert_cmpuint (fixture->n_changed, ==, 1);
    }
}

static void
an_added_or_removed_node_is_a_change (NodesFixture *fixture, gconstpointer instance)
{
  GPtrArray *others = make_others ();

  rd_nodes_set_others (fixture->nodes, make_others ());
  g_ptr_array_remove_index (others, 4);
  rd_nodes_set_others (fixture->nodes, others);
  g_assert_cmpuint (fixture->n_changed, ==, 2);
  rd_nodes_set_others (fixture->nodes, make_others ());
  g_assert_cmpuint (fixture->n_changed, ==, 3);
}

#define NODES_TEST(path, instance, function) \
  g_test_add (path, NodesFixture, instance, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  NODES_TEST ("/nodes/own-node-is-current", "left-1", own_node_is_current);
  NODES_TEST ("/nodes/an-instance-is-printable", "a\033[31m", an_instance_is_printable_or_empty);
  NODES_TEST ("/nodes/no-instance-is-empty", NULL, an_instance_is_printable_or_empty);
  NODES_TEST ("/nodes/starts-without-other-nodes", NULL, starts_without_other_nodes);
  NODES_TEST ("/nodes/other-nodes-are-sorted", NULL, other_nodes_are_sorted);
  NODES_TEST ("/nodes/an-equal-list-is-not-a-change", NULL, an_equal_list_is_not_a_change);
  NODES_TEST ("/nodes/each-field-is-compared", NULL, each_field_is_compared);
  NODES_TEST ("/nodes/an-added-or-removed-node-is-a-change", NULL,
              an_added_or_removed_node_is_a_change);
  return g_test_run ();
}
