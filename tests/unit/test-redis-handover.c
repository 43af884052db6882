/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Hand-over of a node's bus to a new worker, with a real Redis: each node gets every message once
 * and in order, and dropped messages are logged. */

#include <string.h>

#include "rd-redis-bus-pack.h"
#include "redis-carry.h"
#include "redis-process-fixture.h"
#include "redis-server-fixture.h"

#define HAND_OVERS 20

/* Entries of the same millisecond cannot be told apart by their ids. */
#define MOMENT_US (3 * G_TIME_SPAN_MILLISECOND)

typedef struct
{
  char *name; /* owned */
  RdRedis *redis;
  RdBus *bus;
  guint published;
  GString *received; /* from the other node: "1 2 3 " */
  const char *expected;
} Node;

static gboolean
has_room (gpointer unused)
{
  return TRUE;
}

/* A message is "<node>:<number>". */
static void
on_message (Node *node, RdMessage *message)
{
  g_autofree char *text = g_strndup ((const char *) message->data, message->size);

  if (!g_str_has_prefix (text, node->name))
    g_string_append_printf (node->received, "%s ", strchr (text, ':') + 1);
}

static void
make_bus (Node *node, const char *address, RdRedisMode mode)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (RdRedisUrl) url = rd_redis_url_parse (address, &error);
  const RdRedisBusOptions options = { .mode = mode,
                                      .node = node->name,
                                      .channel = "c",
                                      .history = 10000,
                                      .buffer_size = 1 << 20,
                                      .max_message = 1 << 20,
                                      .batch_size = 1 << 20,
                                      .has_room = has_room };

  g_assert_no_error (error);
  node->redis = rd_redis_new (g_steal_pointer (&url), mode);
  node->bus = rd_redis_bus_new (node->redis, &options);
  g_signal_connect_swapped (node->bus, "message", G_CALLBACK (on_message), node);
}

static gboolean
is_connected (gpointer user_data)
{
  g_autofree char *state = rd_bus_dup_state (((Node *) user_data)->bus);

  return g_str_equal (state, "redis: connected");
}

static void
start (Node *node)
{
  rd_redis_start (node->redis);
  redis_server_wait (is_connected, node, "the node is connected");
}

static Node *
node_new (const char *name, const char *address, RdRedisMode mode)
{
  Node *node = g_new0 (Node, 1);

  node->name = g_strdup (name);
  node->received = g_string_new (NULL);
  make_bus (node, address, mode);
  start (node);
  return node;
}

static void
end_process (Node *node)
{
  g_signal_handlers_disconnect_by_data (node->bus, node);
  g_clear_object (&node->bus);
  g_clear_object (&node->redis);
}

static void
node_free (Node *node)
{
  end_process (node);
  g_string_free (node->received, TRUE);
  g_free (node->name);
  g_free (node);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Node, node_free)

static void
publish (Node *node, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *text = g_strdup_printf ("%s:%u", node->name, ++node->published);
      RdMessage message = { .topic = RD_TOPIC_BROADCAST,
                            .opcode = WS_OPCODE_TEXT,
                            .data = (const guint8 *) text,
                            .size = strlen (text) };

      rd_bus_publish (node->bus, &message);
    }
}

static GVariant *
pack (Node *node)
{
  rd_redis_stop (node->redis);
  return carry (rd_redis_bus_pack (RD_REDIS_BUS (node->bus)));
}

/* The new bus is not started. */
static void
take_over (Node *node, GVariant *packed, const char *address, RdRedisMode mode)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) place = NULL;
  const char *name;

  g_assert_cmpstr (g_variant_get_type_string (packed), ==, RD_REDIS_BUS_PACKED_TYPE);
  place = g_variant_get_child_value (packed, 0);
  g_variant_get_child (place, 0, "&s", &name);
  g_assert_cmpstr (name, ==, node->name);
  end_process (node);
  make_bus (node, address, mode);
  g_assert_true (rd_redis_bus_unpack (RD_REDIS_BUS (node->bus), packed, &error));
  g_assert_no_error (error);
}

static void
hand_over (Node *node, const char *address, RdRedisMode mode)
{
  g_autoptr (GVariant) packed = pack (node);

  take_over (node, packed, address, mode);
}

static gboolean
has_received (gpointer user_data)
{
  Node *node = user_data;

  return node->received->len >= strlen (node->expected);
}

/* Waits until @node has received as much as expected, and asserts that it is 1, 2, 3 … @n. */
static void
expect_all (Node *node, guint n)
{
  g_autoptr (GString) expected = g_string_new (NULL);

  for (guint i = 1; i <= n; i++)
    g_string_append_printf (expected, "%u ", i);
  node->expected = expected->str;
  redis_server_wait (has_received, node, "all messages of the other node are received");
  g_assert_cmpstr (node->received->str, ==, expected->str);
}

/* Runs the main context a few times, so that batches stay in flight. */
static void
run_a_little (void)
{
  for (gint i = g_test_rand_int_range (0, 6); i > 0; i--)
    g_main_context_iteration (NULL, FALSE);
}

static void
no_message_is_lost_or_repeated (void)
{
  g_autoptr (RedisProcess) redis = redis_process_new ();
  g_autofree char *url = redis_process_dup_url (redis, 0);
  g_autoptr (Node) a = node_new ("a", url, RD_REDIS_STREAM);
  g_autoptr (Node) b = node_new ("b", url, RD_REDIS_STREAM);
  RdBusStats stats;

  for (guint i = 0; i < HAND_OVERS; i++)
    {
      publish (a, 3);
      publish (b, 2);
      run_a_little ();
      publish (a, 2);
      hand_over (a, url, RD_REDIS_STREAM);
      publish (b, 1);
      run_a_little ();
      publish (a, 1);
      start (a);
    }

  expect_all (b, a->published);
  expect_all (a, b->published);
  rd_bus_get_stats (a->bus, &stats);
  g_assert_cmpuint (stats.connects, ==, 1 + HAND_OVERS);
  g_assert_cmpuint (stats.received, ==, b->published);
  g_assert_cmpuint (stats.dropped, ==, 0);
}

static void
no_message_is_lost_if_the_old_worker_continues (void)
{
  g_autoptr (RedisProcess) redis = redis_process_new ();
  g_autofree char *url = redis_process_dup_url (redis, 0);
  g_autoptr (Node) a = node_new ("a", url, RD_REDIS_STREAM);
  g_autoptr (Node) b = node_new ("b", url, RD_REDIS_STREAM);

  for (guint i = 0; i < HAND_OVERS; i++)
    {
      g_autoptr (GVariant) packed = NULL;

      publish (a, 3);
      publish (b, 2);
      run_a_little ();
      packed = pack (a);
      publish (a, 1);
      publish (b, 1);
      rd_redis_start (a->redis);
      redis_server_wait (is_connected, a, "the node is connected again");
    }

  expect_all (b, a->published);
  expect_all (a, b->published);
}

static void
paused_bus_is_silent (void)
{
  g_autoptr (RedisProcess) redis = redis_process_new ();
  g_autofree char *url = redis_process_dup_url (redis, 0);
  g_autoptr (Node) a = node_new ("a", url, RD_REDIS_STREAM);
  g_autoptr (Node) b = node_new ("b", url, RD_REDIS_STREAM);
  g_autoptr (Node) c = node_new ("c", url, RD_REDIS_STREAM);
  g_autofree char *state = NULL;
  RdBusStats stats;

  rd_redis_stop (a->redis);
  publish (a, 1);
  publish (b, 1);
  expect_all (c, 1); /* of b */
  g_assert_cmpstr (a->received->str, ==, "");
  g_assert_cmpstr (b->received->str, ==, "");
  state = rd_bus_dup_state (a->bus);
  g_assert_true (g_str_has_prefix (state, "redis: down since "));
  rd_bus_get_stats (a->bus, &stats);
  g_assert_cmpuint (stats.pending, ==, 1);
}

static void
messages_for_another_redis_are_left_behind (void)
{
  g_autoptr (RedisProcess) redis = redis_process_new ();
  g_autofree char *url = redis_process_dup_url (redis, 0);
  g_autofree char *elsewhere = redis_process_dup_url (redis, 1);
  g_autoptr (Node) a = node_new ("a", url, RD_REDIS_STREAM);
  g_autoptr (Node) b = node_new ("b", url, RD_REDIS_STREAM);
  RdBusStats stats;

  publish (a, 2);
  expect_all (b, 2);
  rd_redis_stop (a->redis);
  publish (a, 3);
  g_test_expect_message ("ringdown", G_LOG_LEVEL_WARNING, "Messages dropped: 3;*");
  hand_over (a, elsewhere, RD_REDIS_STREAM);
  g_test_assert_expected_messages ();
  start (a);
  rd_bus_get_stats (a->bus, &stats);
  g_assert_cmpuint (stats.dropped, ==, 3);
  g_assert_cmpuint (stats.pending, ==, 0);

  /* Back again: if the numbers did not continue, b would ignore the message as repeated. */
  hand_over (a, url, RD_REDIS_STREAM);
  start (a);
  publish (a, 1);
  b->expected = "1 2 6 ";
  redis_server_wait (has_received, b, "a message of the node is received again");
  g_assert_cmpstr (b->received->str, ==, b->expected);
}

static void
messages_without_a_redis_are_left_behind (void)
{
  g_autoptr (RedisProcess) redis = redis_process_new ();
  g_autofree char *url = redis_process_dup_url (redis, 0);
  g_autoptr (Node) a = node_new ("a", url, RD_REDIS_STREAM);
  g_autoptr (GVariant) packed = NULL;
  g_autoptr (GError) error = NULL;

  publish (a, 1);
  packed = pack (a);
  g_test_expect_message ("ringdown", G_LOG_LEVEL_WARNING, "Messages dropped: 1;*");
  g_assert_true (rd_redis_bus_leave_behind (packed, &error));
  g_test_assert_expected_messages ();
  g_assert_no_error (error);
}

static void
bare_text_is_delivered_once_before_and_after (void)
{
  g_autoptr (RedisProcess) redis = redis_process_new ();
  g_autofree char *url = redis_process_dup_url (redis, 0);
  g_autoptr (Node) a = node_new ("a", url, RD_REDIS_PUBSUB);
  g_autoptr (Node) b = node_new ("b", url, RD_REDIS_PUBSUB);

  publish (a, 3);
  publish (b, 3);
  expect_all (b, 3);
  expect_all (a, 3);
  hand_over (a, url, RD_REDIS_PUBSUB);
  publish (a, 1); /* is queued */
  start (a);
  publish (a, 3);
  publish (b, 3);
  expect_all (b, 7);
  expect_all (a, 6);
}

static gboolean
has_sent_all (gpointer user_data)
{
  RdBusStats stats;

  rd_bus_get_stats (((Node *) user_data)->bus, &stats);
  return stats.pending == 0;
}

static void
let_a_moment_pass (void)
{
  const gint64 later_us = g_get_monotonic_time () + MOMENT_US;

  while (g_get_monotonic_time () < later_us)
    run_a_little ();
}

static void
another_mode_begins_where_the_old_one_ended (void)
{
  g_autoptr (RedisProcess) redis = redis_process_new ();
  g_autofree char *url = redis_process_dup_url (redis, 0);
  g_autoptr (Node) a = node_new ("a", url, RD_REDIS_PUBSUB);
  g_autoptr (Node) b = node_new ("b", url, RD_REDIS_STREAM);
  g_autoptr (GVariant) packed = pack (a);

  let_a_moment_pass ();
  publish (b, 2);
  redis_server_wait (has_sent_all, b, "all messages are sent");
  let_a_moment_pass ();
  take_over (a, packed, url, RD_REDIS_STREAM);
  start (a);
  publish (a, 1);
  expect_all (a, 2);
  expect_all (b, 1);
}

static void
state_of_another_node_is_refused (void)
{
  g_autoptr (RedisProcess) redis = redis_process_new ();
  g_autofree char *url = redis_process_dup_url (redis, 0);
  g_autoptr (Node) a = node_new ("a", url, RD_REDIS_STREAM);
  g_autoptr (Node) b = node_new ("b", url, RD_REDIS_STREAM);
  g_autoptr (GVariant) packed = pack (a);
  g_autoptr (GError) error = NULL;

  end_process (b);
  make_bus (b, url, RD_REDIS_STREAM);
  g_assert_false (rd_redis_bus_unpack (RD_REDIS_BUS (b->bus), packed, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/redis/handover/stream", no_message_is_lost_or_repeated);
  g_test_add_func ("/redis/handover/back", no_message_is_lost_if_the_old_worker_continues);
  g_test_add_func ("/redis/handover/paused", paused_bus_is_silent);
  g_test_add_func ("/redis/handover/elsewhere", messages_for_another_redis_are_left_behind);
  g_test_add_func ("/redis/handover/nowhere", messages_without_a_redis_are_left_behind);
  g_test_add_func ("/redis/handover/pubsub", bare_text_is_delivered_once_before_and_after);
  g_test_add_func ("/redis/handover/mode", another_mode_begins_where_the_old_one_ended);
  g_test_add_func ("/redis/handover/other-node", state_of_another_node_is_refused);

  return g_test_run ();
}
