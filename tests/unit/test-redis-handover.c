/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A worker's bus handed over to a successor while a real Redis is in use: each of the workers has
 * everything once and in order, and what does not go on is said. */

#include <string.h>

#include "rd-redis-bus-pack.h"
#include "redis-carry.h"
#include "redis-process-fixture.h"
#include "redis-server-fixture.h"

#define HAND_OVERS 20

/* What is stored in the same millisecond cannot be told from what was there before. */
#define MOMENT_US (3 * G_TIME_SPAN_MILLISECOND)

/* A worker, in whatever process. */
typedef struct
{
  char *node; /* owned */
  RdRedis *redis;
  RdBus *bus;
  guint published;
  GString *heard; /* of the other one: "1 2 3 " */
  const char *expected;
} Worker;

static gboolean
has_room (gpointer unused)
{
  return TRUE;
}

/* A message is "<node>:<number>". */
static void
on_message (Worker *worker, RdMessage *message)
{
  g_autofree char *text = g_strndup ((const char *) message->data, message->size);

  if (!g_str_has_prefix (text, worker->node))
    g_string_append_printf (worker->heard, "%s ", strchr (text, ':') + 1);
}

static void
make_bus (Worker *worker, const char *address, RdRedisMode mode)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (RdRedisUrl) url = rd_redis_url_parse (address, &error);
  const RdRedisBusOptions options = { .mode = mode,
                                      .node = worker->node,
                                      .channel = "c",
                                      .history = 10000,
                                      .buffer_size = 1 << 20,
                                      .max_message = 1 << 20,
                                      .batch_size = 1 << 20,
                                      .has_room = has_room };

  g_assert_no_error (error);
  worker->redis = rd_redis_new (url, mode == RD_REDIS_STREAM);
  worker->bus = rd_redis_bus_new (worker->redis, &options);
  g_signal_connect_swapped (worker->bus, "message", G_CALLBACK (on_message), worker);
}

static gboolean
is_connected (gpointer user_data)
{
  g_autofree char *state = rd_bus_dup_state (((Worker *) user_data)->bus);

  return g_str_equal (state, "redis: connected");
}

static void
start (Worker *worker)
{
  rd_redis_start (worker->redis);
  redis_server_wait (is_connected, worker, "the worker is connected");
}

static Worker *
worker_new (const char *node, const char *address, RdRedisMode mode)
{
  Worker *worker = g_new0 (Worker, 1);

  worker->node = g_strdup (node);
  worker->heard = g_string_new (NULL);
  make_bus (worker, address, mode);
  start (worker);
  return worker;
}

static void
end_process (Worker *worker)
{
  g_signal_handlers_disconnect_by_data (worker->bus, worker);
  g_clear_object (&worker->bus);
  g_clear_object (&worker->redis);
}

static void
worker_free (Worker *worker)
{
  end_process (worker);
  g_string_free (worker->heard, TRUE);
  g_free (worker->node);
  g_free (worker);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Worker, worker_free)

static void
publish (Worker *worker, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *text = g_strdup_printf ("%s:%u", worker->node, ++worker->published);
      RdMessage message = { .topic = RD_TOPIC_BROADCAST,
                            .opcode = WS_OPCODE_TEXT,
                            .data = (const guint8 *) text,
                            .size = strlen (text) };

      rd_bus_publish (worker->bus, &message);
    }
}

static GVariant *
pack (Worker *worker)
{
  rd_redis_bus_pause (RD_REDIS_BUS (worker->bus));
  return carry (rd_redis_bus_pack (RD_REDIS_BUS (worker->bus)));
}

/* The successor is not started. */
static void
succeed (Worker *worker, GVariant *packed, const char *address, RdRedisMode mode)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *node = rd_redis_bus_dup_packed_node (packed);

  g_assert_cmpstr (node, ==, worker->node);
  g_assert_cmpstr (g_variant_get_type_string (packed), ==, RD_REDIS_BUS_PACKED_TYPE);
  end_process (worker);
  make_bus (worker, address, mode);
  g_assert_true (rd_redis_bus_unpack (RD_REDIS_BUS (worker->bus), packed, &error));
  g_assert_no_error (error);
}

static void
hand_over (Worker *worker, const char *address, RdRedisMode mode)
{
  g_autoptr (GVariant) packed = pack (worker);

  succeed (worker, packed, address, mode);
}

static gboolean
has_heard (gpointer user_data)
{
  Worker *worker = user_data;

  return worker->heard->len >= strlen (worker->expected);
}

/* Waits until @worker has heard so much, and asserts that it is 1, 2, 3 … @n. */
static void
expect_all (Worker *worker, guint n)
{
  g_autoptr (GString) expected = g_string_new (NULL);

  for (guint i = 1; i <= n; i++)
    g_string_append_printf (expected, "%u ", i);
  worker->expected = expected->str;
  redis_server_wait (has_heard, worker, "all messages of the other worker are heard");
  g_assert_cmpstr (worker->heard->str, ==, expected->str);
}

/* Runs the main context a little: batches are left under way. */
static void
run_a_little (void)
{
  for (gint i = g_test_rand_int_range (0, 6); i > 0; i--)
    g_main_context_iteration (NULL, FALSE);
}

static void
nobody_misses_anything_or_has_it_twice (void)
{
  g_autoptr (RedisProcess) redis = redis_process_new ();
  g_autofree char *url = redis_process_dup_url (redis, 0);
  g_autoptr (Worker) a = worker_new ("a", url, RD_REDIS_STREAM);
  g_autoptr (Worker) b = worker_new ("b", url, RD_REDIS_STREAM);
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
worker_that_goes_on_itself_misses_nothing (void)
{
  g_autoptr (RedisProcess) redis = redis_process_new ();
  g_autofree char *url = redis_process_dup_url (redis, 0);
  g_autoptr (Worker) a = worker_new ("a", url, RD_REDIS_STREAM);
  g_autoptr (Worker) b = worker_new ("b", url, RD_REDIS_STREAM);

  for (guint i = 0; i < HAND_OVERS; i++)
    {
      g_autoptr (GVariant) packed = NULL;

      publish (a, 3);
      publish (b, 2);
      run_a_little ();
      packed = pack (a);
      publish (a, 1);
      publish (b, 1);
      rd_redis_bus_resume (RD_REDIS_BUS (a->bus));
      redis_server_wait (is_connected, a, "the worker is connected again");
    }

  expect_all (b, a->published);
  expect_all (a, b->published);
}

static void
paused_bus_is_silent (void)
{
  g_autoptr (RedisProcess) redis = redis_process_new ();
  g_autofree char *url = redis_process_dup_url (redis, 0);
  g_autoptr (Worker) a = worker_new ("a", url, RD_REDIS_STREAM);
  g_autoptr (Worker) b = worker_new ("b", url, RD_REDIS_STREAM);
  g_autoptr (Worker) c = worker_new ("c", url, RD_REDIS_STREAM);
  g_autofree char *state = NULL;
  RdBusStats stats;

  rd_redis_bus_pause (RD_REDIS_BUS (a->bus));
  publish (a, 1);
  publish (b, 1);
  expect_all (c, 1); /* of b */
  g_assert_cmpstr (a->heard->str, ==, "");
  g_assert_cmpstr (b->heard->str, ==, "");
  state = rd_bus_dup_state (a->bus);
  g_assert_true (g_str_has_prefix (state, "redis: down since "));
  rd_bus_get_stats (a->bus, &stats);
  g_assert_cmpuint (stats.pending, ==, 1);
}

static void
what_waits_for_another_redis_is_left_behind (void)
{
  g_autoptr (RedisProcess) redis = redis_process_new ();
  g_autofree char *url = redis_process_dup_url (redis, 0);
  g_autofree char *elsewhere = redis_process_dup_url (redis, 1);
  g_autoptr (Worker) a = worker_new ("a", url, RD_REDIS_STREAM);
  g_autoptr (Worker) b = worker_new ("b", url, RD_REDIS_STREAM);
  RdBusStats stats;

  publish (a, 2);
  expect_all (b, 2);
  rd_redis_bus_pause (RD_REDIS_BUS (a->bus));
  publish (a, 3);
  g_test_expect_message ("ringdown", G_LOG_LEVEL_WARNING, "Messages left behind: 3;*");
  hand_over (a, elsewhere, RD_REDIS_STREAM);
  g_test_assert_expected_messages ();
  start (a);
  rd_bus_get_stats (a->bus, &stats);
  g_assert_cmpuint (stats.dropped, ==, 3);
  g_assert_cmpuint (stats.pending, ==, 0);

  /* back again: were its numbers not those that follow, b would take them for repetitions */
  hand_over (a, url, RD_REDIS_STREAM);
  start (a);
  publish (a, 1);
  b->expected = "1 2 6 ";
  redis_server_wait (has_heard, b, "a message of the worker that came back is heard");
  g_assert_cmpstr (b->heard->str, ==, b->expected);
}

static void
what_waits_for_no_redis_is_left_behind (void)
{
  g_autoptr (RedisProcess) redis = redis_process_new ();
  g_autofree char *url = redis_process_dup_url (redis, 0);
  g_autoptr (Worker) a = worker_new ("a", url, RD_REDIS_STREAM);
  g_autoptr (GVariant) packed = NULL;
  g_autoptr (GError) error = NULL;

  publish (a, 1);
  packed = pack (a);
  g_test_expect_message ("ringdown", G_LOG_LEVEL_WARNING, "Messages left behind: 1;*");
  g_assert_true (rd_redis_bus_leave_behind (packed, &error));
  g_test_assert_expected_messages ();
  g_assert_no_error (error);
}

static void
bare_text_is_had_once_before_and_after (void)
{
  g_autoptr (RedisProcess) redis = redis_process_new ();
  g_autofree char *url = redis_process_dup_url (redis, 0);
  g_autoptr (Worker) a = worker_new ("a", url, RD_REDIS_PUBSUB);
  g_autoptr (Worker) b = worker_new ("b", url, RD_REDIS_PUBSUB);

  publish (a, 3);
  publish (b, 3);
  expect_all (b, 3);
  expect_all (a, 3);
  hand_over (a, url, RD_REDIS_PUBSUB);
  publish (a, 1); /* waits */
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

  rd_bus_get_stats (((Worker *) user_data)->bus, &stats);
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
mode_that_is_another_begins_where_the_old_one_ended (void)
{
  g_autoptr (RedisProcess) redis = redis_process_new ();
  g_autofree char *url = redis_process_dup_url (redis, 0);
  g_autoptr (Worker) a = worker_new ("a", url, RD_REDIS_PUBSUB);
  g_autoptr (Worker) b = worker_new ("b", url, RD_REDIS_STREAM);
  g_autoptr (GVariant) packed = pack (a);

  let_a_moment_pass ();
  publish (b, 2);
  redis_server_wait (has_sent_all, b, "all messages are sent");
  let_a_moment_pass ();
  succeed (a, packed, url, RD_REDIS_STREAM);
  start (a);
  publish (a, 1);
  expect_all (a, 2);
  expect_all (b, 1);
}

static void
state_of_another_worker_is_refused (void)
{
  g_autoptr (RedisProcess) redis = redis_process_new ();
  g_autofree char *url = redis_process_dup_url (redis, 0);
  g_autoptr (Worker) a = worker_new ("a", url, RD_REDIS_STREAM);
  g_autoptr (Worker) b = worker_new ("b", url, RD_REDIS_STREAM);
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

  g_test_add_func ("/redis/handover/stream", nobody_misses_anything_or_has_it_twice);
  g_test_add_func ("/redis/handover/back", worker_that_goes_on_itself_misses_nothing);
  g_test_add_func ("/redis/handover/paused", paused_bus_is_silent);
  g_test_add_func ("/redis/handover/elsewhere", what_waits_for_another_redis_is_left_behind);
  g_test_add_func ("/redis/handover/nowhere", what_waits_for_no_redis_is_left_behind);
  g_test_add_func ("/redis/handover/pubsub", bare_text_is_had_once_before_and_after);
  g_test_add_func ("/redis/handover/mode", mode_that_is_another_begins_where_the_old_one_ended);
  g_test_add_func ("/redis/handover/other-worker", state_of_another_worker_is_refused);

  return g_test_run ();
}
