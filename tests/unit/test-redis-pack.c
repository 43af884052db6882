/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* What a worker knows of Redis on its way into another process: it arrives as it was, and what
 * cannot have been so is refused. */

#include <string.h>

#include "rd-redis-dedup.h"
#include "rd-redis-outbox.h"
#include "rd-redis-stream.h"
#include "redis-carry.h"
#include "redis-replies.h"

#define NOW_US (10 * G_TIME_SPAN_SECOND)

/* Returns: (transfer full): a value written down by hand. */
static GVariant *
make (const char *type, const char *text)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = g_variant_parse (G_VARIANT_TYPE (type), text, NULL, NULL, &error);

  g_assert_no_error (error);
  return value;
}

/* Senders */

static void
note (RdRedisDedup *senders, const char *node, guint64 sequence)
{
  const WsId id = { .ms = sequence };
  WsId forgotten;

  rd_redis_dedup_set (senders, node, sequence, &id, &forgotten);
}

static void
senders_are_remembered_in_their_order (void)
{
  g_autoptr (RdRedisDedup) senders = rd_redis_dedup_new ();
  g_autoptr (RdRedisDedup) successors = rd_redis_dedup_new ();
  g_autoptr (GVariant) packed = NULL;
  const WsId id = { .ms = 7 };
  WsId forgotten = { 0 };

  for (guint i = 1; i <= RD_REDIS_DEDUP_MAX; i++)
    {
      g_autofree char *node = g_strdup_printf ("node%u", i);

      note (senders, node, i);
    }
  g_assert_cmpuint (rd_redis_dedup_find (senders, "node1"), ==, 1);

  packed = carry (rd_redis_dedup_pack (senders));
  g_assert_true (rd_redis_dedup_unpack (successors, packed));
  g_assert_true (rd_redis_dedup_set (successors, "one more", 7, &id, &forgotten));
  g_assert_cmpuint (forgotten.ms, ==, 2);
  g_assert_cmpuint (rd_redis_dedup_find (successors, "node1"), ==, 1);
  g_assert_cmpuint (rd_redis_dedup_find (successors, "node2"), ==, 0);
  g_assert_cmpuint (rd_redis_dedup_find (successors, "node4096"), ==, 4096);
}

static void
senders_who_cannot_be_are_refused (void)
{
  const char *const wrong[] = { "[('a', 0, (1, 0))]", "[('', 1, (1, 0))]", "[('a b', 1, (1, 0))]",
                                "[('ä', 1, (1, 0))]",
                                "[('a', 1, (1, 0)), ('b', 1, (2, 0)), ('a', 2, (3, 0))]" };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (RdRedisDedup) senders = rd_redis_dedup_new ();
      g_autoptr (GVariant) packed = make (RD_REDIS_DEDUP_PACKED_TYPE, wrong[i]);

      g_test_message ("%s", wrong[i]);
      g_assert_false (rd_redis_dedup_unpack (senders, packed));
    }
}

static void
more_senders_than_are_remembered_are_refused (void)
{
  g_autoptr (RdRedisDedup) senders = rd_redis_dedup_new ();
  g_autoptr (GVariant) packed = NULL;
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE (RD_REDIS_DEDUP_PACKED_TYPE));

  for (guint i = 0; i <= RD_REDIS_DEDUP_MAX; i++)
    {
      g_autofree char *node = g_strdup_printf ("node%u", i);

      g_variant_builder_add (&builder, "(st(tt))", node, G_GUINT64_CONSTANT (1),
                             G_GUINT64_CONSTANT (1), G_GUINT64_CONSTANT (0));
    }
  packed = carry (g_variant_builder_end (&builder));
  g_assert_false (rd_redis_dedup_unpack (senders, packed));
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
  RdRedisGap away;

  wire_info (wire, length, &first, &last, added);
  info = make_reply (wire->str);
  g_assert_true (rd_redis_stream_resume (stream, info, &away));
  return away;
}

static RdRedisStream *
stream_carry (const RdRedisStream *stream)
{
  RdRedisStream *successor = rd_redis_stream_new ("us");
  g_autoptr (GVariant) packed = carry (rd_redis_stream_pack (stream));

  g_assert_true (rd_redis_stream_unpack (successor, packed));
  return successor;
}

static void
stream_is_read_on_from_where_it_was (void)
{
  g_autoptr (RdRedisStream) stream = rd_redis_stream_new ("us");
  g_autoptr (RdRedisStream) successor = NULL;
  char position[WS_ID_STRING_SIZE];

  rd_redis_stream_set_since (stream, 100000);
  resume (stream, 100000, 100000, 1, 1);
  g_assert_cmpint (take (stream, 100001, "other", 5), ==, RD_REDIS_ENTRY_NEW);
  g_assert_cmpint (take (stream, 100002, "other", 6), ==, RD_REDIS_ENTRY_NEW);

  successor = stream_carry (stream);
  resume (successor, 100000, 100003, 4, 4);
  rd_redis_stream_format_position (successor, position);
  g_assert_cmpstr (position, ==, "95002-0");
  g_assert_cmpint (take (successor, 100002, "other", 6), ==, RD_REDIS_ENTRY_REPEATED);
  g_assert_cmpint (take (successor, 100003, "other", 7), ==, RD_REDIS_ENTRY_NEW);
}

static void
what_is_cut_off_meanwhile_is_counted (void)
{
  g_autoptr (RdRedisStream) stream = rd_redis_stream_new ("us");
  g_autoptr (RdRedisStream) successor = NULL;
  RdRedisGap away;

  rd_redis_stream_set_since (stream, 100000);
  resume (stream, 100000, 100000, 1, 1);

  successor = stream_carry (stream);
  away = resume (successor, 100010, 100010, 1, 11);
  g_assert_false (away.lost);
  g_assert_true (away.trimmed);
  g_assert_cmpuint (away.missed, ==, 9);
}

static void
worker_that_never_joined_joins_where_it_began (void)
{
  g_autoptr (RdRedisStream) stream = rd_redis_stream_new ("us");
  g_autoptr (RdRedisStream) successor = NULL;

  rd_redis_stream_set_since (stream, 100000);
  successor = stream_carry (stream);
  resume (successor, 90000, 100005, 2, 2);
  g_assert_cmpint (take (successor, 100005, "other", 1), ==, RD_REDIS_ENTRY_NEW);
}

static void
stream_of_senders_who_cannot_be_is_refused (void)
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

/* a, b: stored at NOW_US; c, d: under way; e, f: waiting. */
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
outbox_goes_on_with_all_that_is_in_it (void)
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
  rd_redis_outbox_resume (outbox, 3, NOW_US); /* c came to Redis, d did not */
  push_all (outbox, "g");
  assert_next (outbox, 'd', 4);
  assert_next (outbox, 'e', 5);
  assert_next (outbox, 'f', 6);
  assert_next (outbox, 'g', 7);
  g_assert_null (rd_redis_outbox_take (outbox));
}

static void
what_redis_forgot_is_sent_again_by_the_successor (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, RD_REDIS_KEEP_US);
  g_autoptr (GVariant) packed = pack_outbox ();
  guint64 dropped;

  g_assert_true (rd_redis_outbox_unpack (outbox, packed, &dropped));
  rd_redis_outbox_resume (outbox, 1, NOW_US);
  assert_next (outbox, 'b', 2);
}

static void
smaller_outbox_lets_the_oldest_go (void)
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
cleared_outbox_keeps_its_numbers (void)
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
empty_outbox_goes_on_too (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, RD_REDIS_KEEP_US);
  g_autoptr (RdRedisOutbox) successor = rd_redis_outbox_new (G_MAXSIZE, RD_REDIS_KEEP_US);
  g_autoptr (GVariant) packed = carry (rd_redis_outbox_pack (outbox));
  guint64 dropped;

  g_assert_true (rd_redis_outbox_unpack (successor, packed, &dropped));
  g_assert_cmpuint (rd_redis_outbox_get_last (successor), ==, 0);
  push_all (successor, "a");
  assert_next (successor, 'a', 1);
}

static void
outboxes_that_cannot_be_are_refused (void)
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

/* Echoes */

static void
expect (RdRedisOwn *echoes, guint64 sequence, const char *text)
{
  g_autoptr (GBytes) data = g_bytes_new_static (text, strlen (text));
  const RdRedisOutgoing outgoing = { .sequence = sequence, .opcode = WS_OPCODE_TEXT, .data = data };

  rd_redis_own_add (echoes, &outgoing);
}

static void
echoes_are_known_by_the_successor_for_a_while (void)
{
  g_autoptr (RdRedisOwn) echoes = rd_redis_own_new (G_MAXSIZE);
  g_autoptr (RdRedisOwn) successors = rd_redis_own_new (G_MAXSIZE);
  g_autoptr (GVariant) packed = NULL;

  expect (echoes, 1, "answered");
  expect (echoes, 2, "two");
  expect (echoes, 3, "");
  expect (echoes, 4, "four");
  rd_redis_own_disconnect (echoes, 1, NOW_US);
  packed = carry (rd_redis_own_pack (echoes));

  g_assert_true (rd_redis_own_unpack (successors, packed, NOW_US));
  g_assert_false (rd_redis_own_match (successors, "answered", 8, NOW_US));
  g_assert_true (rd_redis_own_match (successors, "two", 3, NOW_US));
  g_assert_true (rd_redis_own_match (successors, "", 0, NOW_US));
  g_assert_false (rd_redis_own_match (successors, "four", 4, NOW_US + RD_REDIS_OWN_US));
}

static void
echoes_are_not_expected_for_ever (void)
{
  g_autoptr (RdRedisOwn) echoes = rd_redis_own_new (G_MAXSIZE);
  g_autoptr (GVariant) packed = make (RD_REDIS_OWN_PACKED_TYPE,
                                      "[(1, 9223372036854775807, [0x61])]");

  g_assert_true (rd_redis_own_unpack (echoes, packed, NOW_US));
  g_assert_false (rd_redis_own_match (echoes, "a", 1, NOW_US + RD_REDIS_OWN_US));
}

static void
echoes_that_cannot_be_are_refused (void)
{
  const char *const wrong[] = { "[(0, 1, [0x61])]", "[(1, -1, [0x61])]",
                                "[(2, 1, [0x61]), (2, 1, [0x61])]",
                                "[(2, 1, [0x61]), (1, 1, [0x61])]" };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (RdRedisOwn) echoes = rd_redis_own_new (G_MAXSIZE);
      g_autoptr (GVariant) packed = make (RD_REDIS_OWN_PACKED_TYPE, wrong[i]);

      g_test_message ("%s", wrong[i]);
      g_assert_false (rd_redis_own_unpack (echoes, packed, 0));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/redis/pack/senders", senders_are_remembered_in_their_order);
  g_test_add_func ("/redis/pack/senders/wrong", senders_who_cannot_be_are_refused);
  g_test_add_func ("/redis/pack/senders/many", more_senders_than_are_remembered_are_refused);
  g_test_add_func ("/redis/pack/stream", stream_is_read_on_from_where_it_was);
  g_test_add_func ("/redis/pack/stream/cut-off", what_is_cut_off_meanwhile_is_counted);
  g_test_add_func ("/redis/pack/stream/never-joined",
                   worker_that_never_joined_joins_where_it_began);
  g_test_add_func ("/redis/pack/stream/wrong", stream_of_senders_who_cannot_be_is_refused);
  g_test_add_func ("/redis/pack/outbox", outbox_goes_on_with_all_that_is_in_it);
  g_test_add_func ("/redis/pack/outbox/forgotten",
                   what_redis_forgot_is_sent_again_by_the_successor);
  g_test_add_func ("/redis/pack/outbox/smaller", smaller_outbox_lets_the_oldest_go);
  g_test_add_func ("/redis/pack/outbox/cleared", cleared_outbox_keeps_its_numbers);
  g_test_add_func ("/redis/pack/outbox/empty", empty_outbox_goes_on_too);
  g_test_add_func ("/redis/pack/outbox/wrong", outboxes_that_cannot_be_are_refused);
  g_test_add_func ("/redis/pack/echoes", echoes_are_known_by_the_successor_for_a_while);
  g_test_add_func ("/redis/pack/echoes/forever", echoes_are_not_expected_for_ever);
  g_test_add_func ("/redis/pack/echoes/wrong", echoes_that_cannot_be_are_refused);

  return g_test_run ();
}
