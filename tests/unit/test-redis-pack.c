/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* State of the bus over Redis, serialized for a new worker: it is restored as it was, and invalid
 * data is refused. */

#include <string.h>

#include "rd-redis-dedup.h"
#include "rd-redis-outbox.h"
#include "rd-redis-stream.h"
#include "redis-carry.h"
#include "redis-replies.h"

#define NOW_US (10 * G_TIME_SPAN_SECOND)

/* Returns: (transfer full): a value parsed from text. */
static GVariant *
make (const char *type, const char *text)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = g_variant_parse (G_VARIANT_TYPE (type), text, NULL, NULL, &error);

  g_assert_no_error (error);
  return value;
}

/* The dedup table */

static void
set (RdRedisDedup *dedup, const char *node, guint64 sequence)
{
  const WsId id = { .ms = sequence };
  WsId removed;

  rd_redis_dedup_set (dedup, node, sequence, &id, &removed);
}

static void
the_table_keeps_its_order (void)
{
  g_autoptr (RdRedisDedup) dedup = rd_redis_dedup_new ();
  g_autoptr (RdRedisDedup) restored = rd_redis_dedup_new ();
  g_autoptr (GVariant) packed = NULL;
  const WsId id = { .ms = 7 };
  WsId removed = { 0 };

  for (guint i = 1; i <= RD_REDIS_DEDUP_MAX; i++)
    {
      g_autofree char *node = g_strdup_printf ("node%u", i);

      set (dedup, node, i);
    }
  g_assert_cmpuint (rd_redis_dedup_find (dedup, "node1"), ==, 1);

  packed = carry (rd_redis_dedup_pack (dedup));
  g_assert_true (rd_redis_dedup_unpack (restored, packed));
  g_assert_true (rd_redis_dedup_set (restored, "one more", 7, &id, &removed));
  g_assert_cmpuint (removed.ms, ==, 2);
  g_assert_cmpuint (rd_redis_dedup_find (restored, "node1"), ==, 1);
  g_assert_cmpuint (rd_redis_dedup_find (restored, "node2"), ==, 0);
  g_assert_cmpuint (rd_redis_dedup_find (restored, "node4096"), ==, 4096);
}

static void
invalid_nodes_are_refused (void)
{
  const char *const wrong[] = { "[('a', 0, (1, 0))]", "[('', 1, (1, 0))]", "[('a b', 1, (1, 0))]",
                                "[('ä', 1, (1, 0))]",
                                "[('a', 1, (1, 0)), ('b', 1, (2, 0)), ('a', 2, (3, 0))]" };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (RdRedisDedup) dedup = rd_redis_dedup_new ();
      g_autoptr (GVariant) packed = make (RD_REDIS_DEDUP_PACKED_TYPE, wrong[i]);

      g_test_message ("%s", wrong[i]);
      g_assert_false (rd_redis_dedup_unpack (dedup, packed));
    }
}

static void
too_many_nodes_are_refused (void)
{
  g_autoptr (RdRedisDedup) dedup = rd_redis_dedup_new ();
  g_autoptr (GVariant) packed = NULL;
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE (RD_REDIS_DEDUP_PACKED_TYPE));

  for (guint i = 0; i <= RD_REDIS_DEDUP_MAX; i++)
    {
      g_autofree char *node = g_strdup_printf ("node%u", i);

      g_variant_builder_add (&builder, "(st(tt))", node, G_GUINT64_CONSTANT (1),
                             G_GUINT64_CONSTANT (1), G_GUINT64_CONSTANT (0));
    }
  packed = carry (g_variant_builder_end (&builder));
  g_assert_false (rd_redis_dedup_unpack (dedup, packed));
}

/* The stream */

static RdRedisEntryKind
take (RdRedisStream *stream, guint64 ms, const char *node, guint64 sequence)
{
  g_autoptr (GString) wire = g_string_new (NULL);
  g_autoptr (redisReply) entry = NULL;
  const WsId id = { .ms = ms };
  RdMessage message;

  wire_entry (wire, &id, node, sequence, "hello");
  entry = make_reply (wire->str);
  return rd_redis_stream_take (stream, entry, &message);
}

static RdRedisGap
resume (RdRedisStream *stream, guint64 first_ms, guint64 last_ms, guint64 length, guint64 added)
{
  g_autoptr (GString) wire = g_string_new (NULL);
  g_autoptr (redisReply) info = NULL;
  const WsId first = { .ms = first_ms };
  const WsId last = { .ms = last_ms };
  RdRedisGap gap;

  wire_info (wire, length, &first, &last, added);
  info = make_reply (wire->str);
  g_assert_true (rd_redis_stream_resume (stream, info, &gap));
  return gap;
}

static RdRedisStream *
stream_carry (const RdRedisStream *stream)
{
  RdRedisStream *restored = rd_redis_stream_new ("us");
  g_autoptr (GVariant) packed = carry (rd_redis_stream_pack (stream));

  g_assert_true (rd_redis_stream_unpack (restored, packed));
  return restored;
}

static void
the_stream_is_read_from_the_last_position (void)
{
  g_autoptr (RdRedisStream) stream = rd_redis_stream_new ("us");
  g_autoptr (RdRedisStream) restored = NULL;
  char position[WS_ID_STRING_SIZE];

  rd_redis_stream_set_since (stream, 100000);
  resume (stream, 100000, 100000, 1, 1);
  g_assert_cmpint (take (stream, 100001, "other", 5), ==, RD_REDIS_ENTRY_NEW);
  g_assert_cmpint (take (stream, 100002, "other", 6), ==, RD_REDIS_ENTRY_NEW);

  restored = stream_carry (stream);
  resume (restored, 100000, 100003, 4, 4);
  rd_redis_stream_format_position (restored, position);
  g_assert_cmpstr (position, ==, "95002-0");
  g_assert_cmpint (take (restored, 100002, "other", 6), ==, RD_REDIS_ENTRY_REPEATED);
  g_assert_cmpint (take (restored, 100003, "other", 7), ==, RD_REDIS_ENTRY_NEW);
}

static void
entries_trimmed_meanwhile_are_counted (void)
{
  g_autoptr (RdRedisStream) stream = rd_redis_stream_new ("us");
  g_autoptr (RdRedisStream) restored = NULL;
  RdRedisGap gap;

  rd_redis_stream_set_since (stream, 100000);
  resume (stream, 100000, 100000, 1, 1);

  restored = stream_carry (stream);
  gap = resume (restored, 100010, 100010, 1, 11);
  g_assert_false (gap.lost);
  g_assert_true (gap.trimmed);
  g_assert_cmpuint (gap.missed, ==, 9);
}

static void
a_node_that_never_joined_joins_at_its_start_time (void)
{
  g_autoptr (RdRedisStream) stream = rd_redis_stream_new ("us");
  g_autoptr (RdRedisStream) restored = NULL;

  rd_redis_stream_set_since (stream, 100000);
  restored = stream_carry (stream);
  resume (restored, 90000, 100005, 2, 2);
  g_assert_cmpint (take (restored, 100005, "other", 1), ==, RD_REDIS_ENTRY_NEW);
}

static void
a_stream_with_invalid_nodes_is_refused (void)
{
  g_autoptr (RdRedisStream) stream = rd_redis_stream_new ("us");
  g_autoptr (GVariant) packed = make (RD_REDIS_STREAM_PACKED_TYPE,
                                      "(true, (1, 0), (1, 0), (true, 1), 0, (true, (1, 0), 1), "
                                      "[('a b', 1, (1, 0))])");

  g_assert_false (rd_redis_stream_unpack (stream, packed));
}

/* The outbox */

static void
push_all (RdRedisOutbox *outbox, const char *messages)
{
  for (; *messages != '\0'; messages++)
    g_assert_cmpuint (rd_redis_outbox_push (outbox, WS_OPCODE_TEXT, messages, 1), ==, 0);
}

static void
assert_next (RdRedisOutbox *outbox, char message, guint64 sequence)
{
  const RdRedisOutgoing *outgoing = rd_redis_outbox_take (outbox);

  g_assert_nonnull (outgoing);
  g_assert_cmpuint (outgoing->sequence, ==, sequence);
  g_assert_cmpint (outgoing->opcode, ==, WS_OPCODE_TEXT);
  g_assert_cmpmem (g_bytes_get_data (outgoing->data, NULL), g_bytes_get_size (outgoing->data),
                   &message, 1);
}

/* a, b: stored at NOW_US; c, d: in flight; e, f: queued. */
static GVariant *
pack_outbox (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, RD_REDIS_KEEP_US);

  push_all (outbox, "ab");
  assert_next (outbox, 'a', 1);
  assert_next (outbox, 'b', 2);
  rd_redis_outbox_stored (outbox, NOW_US);
  push_all (outbox, "cdef");
  assert_next (outbox, 'c', 3);
  assert_next (outbox, 'd', 4);
  return carry (rd_redis_outbox_pack (outbox));
}

static void
the_outbox_keeps_its_messages (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, RD_REDIS_KEEP_US);
  g_autoptr (GVariant) packed = pack_outbox ();
  guint64 dropped;
  gsize bytes;

  g_assert_true (rd_redis_outbox_unpack (outbox, packed, &dropped));
  g_assert_cmpuint (dropped, ==, 0);
  g_assert_cmpuint (rd_redis_outbox_get_last (outbox), ==, 6);
  g_assert_cmpuint (rd_redis_outbox_get_pending (outbox, &bytes), ==, 4);
  g_assert_cmpuint (bytes, ==, 4 * (RD_REDIS_OUTGOING_COST + 1));

  g_assert_true (rd_redis_outbox_expire (outbox, NOW_US + RD_REDIS_KEEP_US - 1));
  rd_redis_outbox_resume (outbox, 3, NOW_US); /* c was stored, d was not */
  push_all (outbox, "g");
  assert_next (outbox, 'd', 4);
  assert_next (outbox, 'e', 5);
  assert_next (outbox, 'f', 6);
  assert_next (outbox, 'g', 7);
  g_assert_null (rd_redis_outbox_take (outbox));
}

static void
messages_lost_by_redis_are_sent_again (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, RD_REDIS_KEEP_US);
  g_autoptr (GVariant) packed = pack_outbox ();
  guint64 dropped;

  g_assert_true (rd_redis_outbox_unpack (outbox, packed, &dropped));
  rd_redis_outbox_resume (outbox, 1, NOW_US);
  assert_next (outbox, 'b', 2);
}

static void
a_smaller_outbox_drops_the_oldest (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (3 * (RD_REDIS_OUTGOING_COST + 1),
                                                          RD_REDIS_KEEP_US);
  g_autoptr (GVariant) packed = pack_outbox ();
  guint64 dropped;

  g_assert_true (rd_redis_outbox_unpack (outbox, packed, &dropped));
  g_assert_cmpuint (dropped, ==, 1); /* c: a and b are stored */
  rd_redis_outbox_resume (outbox, 0, NOW_US);
  assert_next (outbox, 'd', 4);
}

static void
a_cleared_outbox_keeps_its_numbers (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, RD_REDIS_KEEP_US);
  g_autoptr (GVariant) packed = pack_outbox ();
  guint64 dropped;

  g_assert_true (rd_redis_outbox_unpack (outbox, packed, &dropped));
  g_assert_cmpuint (rd_redis_outbox_clear (outbox), ==, 4);
  g_assert_null (rd_redis_outbox_take (outbox));
  push_all (outbox, "g");
  assert_next (outbox, 'g', 7);
}

static void
an_empty_outbox_is_restored (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, RD_REDIS_KEEP_US);
  g_autoptr (RdRedisOutbox) restored = rd_redis_outbox_new (G_MAXSIZE, RD_REDIS_KEEP_US);
  g_autoptr (GVariant) packed = carry (rd_redis_outbox_pack (outbox));
  guint64 dropped;

  g_assert_true (rd_redis_outbox_unpack (restored, packed, &dropped));
  g_assert_cmpuint (rd_redis_outbox_get_last (restored), ==, 0);
  push_all (restored, "a");
  assert_next (restored, 'a', 1);
}

static void
invalid_outboxes_are_refused (void)
{
  /* first, pending, waiting, taken, [(opcode, stored, size)], payloads */
  const char *const wrong[] = {
    "(0, 1, 1, 0, [(1, 0, 1)], [0x61])",
    "(2, 1, 2, 2, [(1, 0, 1)], [0x61])",
    "(1, 2, 1, 1, [(1, 5, 1)], [0x61])",
    "(1, 1, 3, 1, [(1, 0, 1)], [0x61])",
    "(1, 1, 1, 2, [(1, 0, 1)], [0x61])",
    "(18446744073709551615, 18446744073709551615, 18446744073709551615, 0, [(1, 0, 1)], [0x61])",
    "(1, 1, 1, 0, [(3, 0, 1)], [0x61])",
    "(1, 1, 1, 0, [(8, 0, 1)], [0x61])",
    "(1, 1, 1, 0, [(4294967297, 0, 1)], [0x61])",
    "(1, 2, 2, 1, [(1, -1, 1)], [0x61])",
    "(1, 2, 2, 1, [(1, 9223372036854775807, 1)], [0x61])",
    "(1, 1, 1, 0, [(1, 0, 2)], [0x61])",
    "(1, 1, 1, 0, [(1, 0, 0)], [0x61])",
    "(1, 1, 1, 0, [(1, 0, 1), (1, 0, 18446744073709551615)], [0x61])",
    "(1, 1, 1, 0, [], [0x61])",
  };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, RD_REDIS_KEEP_US);
      g_autoptr (GVariant) packed = make (RD_REDIS_OUTBOX_PACKED_TYPE, wrong[i]);
      guint64 dropped;

      g_test_message ("%s", wrong[i]);
      g_assert_false (rd_redis_outbox_unpack (outbox, packed, &dropped));
    }
}

/* Own publishes */

static void
add (RdRedisOwn *own, guint64 sequence, const char *text)
{
  g_autoptr (GBytes) data = g_bytes_new_static (text, strlen (text));
  const RdRedisOutgoing outgoing = { .sequence = sequence, .opcode = WS_OPCODE_TEXT, .data = data };

  rd_redis_own_add (own, &outgoing);
}

static void
own_publishes_match_for_a_while (void)
{
  g_autoptr (RdRedisOwn) own = rd_redis_own_new (G_MAXSIZE);
  g_autoptr (RdRedisOwn) restored = rd_redis_own_new (G_MAXSIZE);
  g_autoptr (GVariant) packed = NULL;

  add (own, 1, "answered");
  add (own, 2, "two");
  add (own, 3, "");
  add (own, 4, "four");
  rd_redis_own_disconnect (own, 1, NOW_US);
  packed = carry (rd_redis_own_pack (own));

  g_assert_true (rd_redis_own_unpack (restored, packed, NOW_US));
  g_assert_false (rd_redis_own_match (restored, "answered", 8, NOW_US));
  g_assert_true (rd_redis_own_match (restored, "two", 3, NOW_US));
  g_assert_true (rd_redis_own_match (restored, "", 0, NOW_US));
  g_assert_false (rd_redis_own_match (restored, "four", 4, NOW_US + RD_REDIS_OWN_US));
}

static void
own_publishes_expire (void)
{
  g_autoptr (RdRedisOwn) own = rd_redis_own_new (G_MAXSIZE);
  g_autoptr (GVariant) packed = make (RD_REDIS_OWN_PACKED_TYPE,
                                      "[(1, 9223372036854775807, [0x61])]");

  g_assert_true (rd_redis_own_unpack (own, packed, NOW_US));
  g_assert_false (rd_redis_own_match (own, "a", 1, NOW_US + RD_REDIS_OWN_US));
}

static void
invalid_own_publishes_are_refused (void)
{
  const char *const wrong[] = { "[(0, 1, [0x61])]", "[(1, -1, [0x61])]",
                                "[(2, 1, [0x61]), (2, 1, [0x61])]",
                                "[(2, 1, [0x61]), (1, 1, [0x61])]" };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (RdRedisOwn) own = rd_redis_own_new (G_MAXSIZE);
      g_autoptr (GVariant) packed = make (RD_REDIS_OWN_PACKED_TYPE, wrong[i]);

      g_test_message ("%s", wrong[i]);
      g_assert_false (rd_redis_own_unpack (own, packed, 0));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/redis/pack/dedup", the_table_keeps_its_order);
  g_test_add_func ("/redis/pack/dedup/wrong", invalid_nodes_are_refused);
  g_test_add_func ("/redis/pack/dedup/many", too_many_nodes_are_refused);
  g_test_add_func ("/redis/pack/stream", the_stream_is_read_from_the_last_position);
  g_test_add_func ("/redis/pack/stream/trimmed", entries_trimmed_meanwhile_are_counted);
  g_test_add_func ("/redis/pack/stream/never-joined",
                   a_node_that_never_joined_joins_at_its_start_time);
  g_test_add_func ("/redis/pack/stream/wrong", a_stream_with_invalid_nodes_is_refused);
  g_test_add_func ("/redis/pack/outbox", the_outbox_keeps_its_messages);
  g_test_add_func ("/redis/pack/outbox/lost", messages_lost_by_redis_are_sent_again);
  g_test_add_func ("/redis/pack/outbox/smaller", a_smaller_outbox_drops_the_oldest);
  g_test_add_func ("/redis/pack/outbox/cleared", a_cleared_outbox_keeps_its_numbers);
  g_test_add_func ("/redis/pack/outbox/empty", an_empty_outbox_is_restored);
  g_test_add_func ("/redis/pack/outbox/wrong", invalid_outboxes_are_refused);
  g_test_add_func ("/redis/pack/own", own_publishes_match_for_a_while);
  g_test_add_func ("/redis/pack/own/forever", own_publishes_expire);
  g_test_add_func ("/redis/pack/own/wrong", invalid_own_publishes_are_refused);

  return g_test_run ();
}
