/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The reading position in the stream: new entries, where a pass begins, gaps, untrusted input. */

#include <string.h>

#include "rd-redis-dedup.h"
#include "rd-redis-stream.h"
#include "redis-replies.h"

#define START_MS 1700000000000 /* of this node */

static WsId
id_at (guint64 ms)
{
  return (WsId){ START_MS + ms, 0 };
}

static RdRedisEntryKind
take_wire (RdRedisStream *stream, const char *wire)
{
  g_autoptr (redisReply) entry = make_reply (wire);
  RdMessage message = { 0 };

  return rd_redis_stream_take (stream, entry, &message);
}

/* Takes a message of @node that was added @ms after the start of this node. */
static RdRedisEntryKind
take (RdRedisStream *stream, guint64 ms, const char *node, guint64 sequence)
{
  g_autoptr (GString) wire = g_string_new (NULL);
  const WsId id = id_at (ms);

  wire_entry (wire, &id, node, sequence, "hello");
  return take_wire (stream, wire->str);
}

static void
take_from_many (RdRedisStream *stream, guint first, guint n)
{
  for (guint i = first; i < first + n; i++)
    {
      g_autofree char *node = g_strdup_printf ("node%u", i);

      g_assert_cmpint (take (stream, i, node, 1), ==, RD_REDIS_ENTRY_NEW);
    }
}

/* Returns: the reply of Redis 7 to XINFO STREAM for entries from @first_ms to @last_ms. */
static redisReply *
make_info (guint64 length, guint64 first_ms, guint64 last_ms, guint64 added)
{
  g_autoptr (GString) wire = g_string_new (NULL);
  const WsId first = id_at (first_ms);
  const WsId last = id_at (last_ms);

  wire_info (wire, length, length > 0 ? &first : NULL, &last, added);
  return make_reply (wire->str);
}

static RdRedisGap
resume (RdRedisStream *stream, guint64 length, guint64 first_ms, guint64 last_ms, guint64 added)
{
  g_autoptr (redisReply) info = make_info (length, first_ms, last_ms, added);
  RdRedisGap gap;

  g_assert_true (rd_redis_stream_resume (stream, info, &gap));
  return gap;
}

static RdRedisGap
check (RdRedisStream *stream, guint64 length, guint64 first_ms, guint64 last_ms, guint64 added)
{
  g_autoptr (redisReply) info = make_info (length, first_ms, last_ms, added);
  RdRedisGap gap;

  g_assert_true (rd_redis_stream_check (stream, info, &gap));
  return gap;
}

static RdRedisGap
resume_wire (RdRedisStream *stream, const char *wire)
{
  g_autoptr (redisReply) info = make_reply (wire);
  RdRedisGap gap;

  g_assert_true (rd_redis_stream_resume (stream, info, &gap));
  return gap;
}

static RdRedisStream *
stream_new (guint64 since_ms)
{
  RdRedisStream *stream = rd_redis_stream_new ("us");

  rd_redis_stream_set_since (stream, since_ms);
  return stream;
}

/* Joined at the end of an empty stream. */
static RdRedisStream *
make_stream (void)
{
  RdRedisStream *stream = stream_new (START_MS);

  resume_wire (stream, "-ERR no such key\r\n");
  return stream;
}

static void
assert_position (const RdRedisStream *stream, const char *position)
{
  char text[WS_ID_STRING_SIZE];

  rd_redis_stream_format_position (stream, text);
  g_assert_cmpstr (text, ==, position);
}

static void
assert_gap (RdRedisGap gap, gboolean lost, gboolean trimmed, guint64 missed)
{
  g_assert_cmpint (gap.lost, ==, lost);
  g_assert_cmpint (gap.trimmed, ==, trimmed);
  g_assert_cmpuint (gap.missed, ==, missed);
}

/* New entries */

static void
a_message_is_delivered_once (void)
{
  g_autoptr (RdRedisStream) stream = make_stream ();

  g_assert_cmpint (take (stream, 1, "a", 1), ==, RD_REDIS_ENTRY_NEW);
  g_assert_cmpint (take (stream, 2, "a", 2), ==, RD_REDIS_ENTRY_NEW);
  g_assert_cmpint (take (stream, 3, "a", 1), ==, RD_REDIS_ENTRY_REPEATED);
  g_assert_cmpint (take (stream, 4, "a", 2), ==, RD_REDIS_ENTRY_REPEATED);
  g_assert_cmpint (take (stream, 5, "b", 1), ==, RD_REDIS_ENTRY_NEW);
  g_assert_cmpint (take (stream, 6, "a", 7), ==, RD_REDIS_ENTRY_NEW);
  g_assert_cmpint (take (stream, 7, "a", 6), ==, RD_REDIS_ENTRY_REPEATED);
}

static void
a_message_is_not_changed (void)
{
  const char *wire = "*2\r\n$15\r\n1700000000001-0\r\n"
                     "*6\r\n$6\r\nbinary\r\n$3\r\n\xff\0\xfe\r\n$3\r\nseq\r\n$20\r\n"
                     "18446744073709551615\r\n$4\r\nnode\r\n$1\r\na\r\n";
  g_autoptr (RdRedisStream) stream = make_stream ();
  g_autoptr (RdRedisReader) reader = rd_redis_reader_new ();
  g_autoptr (redisReply) entry = NULL;
  RdMessage message;

  rd_redis_reader_feed (reader, wire, strlen (wire) + 1 + strlen (wire + strlen (wire) + 1));
  entry = rd_redis_reader_next (reader, NULL);
  g_assert_nonnull (entry);
  g_assert_cmpint (rd_redis_stream_take (stream, entry, &message), ==, RD_REDIS_ENTRY_NEW);
  g_assert_cmpstr (message.topic, ==, RD_TOPIC_BROADCAST);
  g_assert_cmpint (message.opcode, ==, WS_OPCODE_BINARY);
  g_assert_cmpmem (message.data, message.size, "\xff\0\xfe", 3);
}

static void
own_entries_are_counted_in_each_pass (void)
{
  g_autoptr (RdRedisStream) stream = make_stream ();

  g_assert_cmpuint (rd_redis_stream_get_own (stream), ==, 0);
  g_assert_cmpint (take (stream, 1, "us", 3), ==, RD_REDIS_ENTRY_OWN);
  g_assert_cmpint (take (stream, 2, "us", 2), ==, RD_REDIS_ENTRY_OWN);
  g_assert_cmpuint (rd_redis_stream_get_own (stream), ==, 3);
  resume (stream, 2, 1, 2, 2);
  g_assert_cmpuint (rd_redis_stream_get_own (stream), ==, 0);
}

/* Begin of a pass */

static void
the_first_pass_begins_at_the_end (void)
{
  g_autoptr (RdRedisStream) stream = stream_new (START_MS + 100);

  assert_gap (resume (stream, 10, 1, 50, 10), FALSE, FALSE, 0);
  assert_position (stream, "1700000000050-0");
  g_assert_cmpint (take (stream, 51, "a", 8), ==, RD_REDIS_ENTRY_NEW);
}

/* Redis was down when this node started, and other nodes connected before it. */
static void
the_first_pass_begins_at_the_start_time (void)
{
  g_autoptr (RdRedisStream) stream = stream_new (START_MS + 30);

  assert_gap (resume (stream, 10, 1, 50, 10), FALSE, FALSE, 0);
  assert_position (stream, "1700000000030-0");
  g_assert_cmpint (take (stream, 31, "a", 8), ==, RD_REDIS_ENTRY_NEW);
}

static void
without_time_it_begins_at_the_end (void)
{
  g_autoptr (RdRedisStream) stream = rd_redis_stream_new ("us");

  assert_gap (resume (stream, 10, 1, 50, 10), FALSE, FALSE, 0);
  assert_position (stream, "1700000000050-0");
}

static void
the_start_time_does_not_change (void)
{
  g_autoptr (RdRedisStream) stream = stream_new (START_MS + 30);

  assert_gap (resume (stream, 10, 1, 50, 10), FALSE, FALSE, 0);
  rd_redis_stream_set_since (stream, START_MS + 40);
  g_assert_cmpint (take (stream, 35, "a", 8), ==, RD_REDIS_ENTRY_NEW);
}

static void
a_later_pass_begins_before_the_last_position (void)
{
  g_autoptr (RdRedisStream) stream = make_stream ();

  g_assert_cmpint (take (stream, 7000, "a", 1), ==, RD_REDIS_ENTRY_NEW);
  g_assert_cmpint (take (stream, 9000, "a", 2), ==, RD_REDIS_ENTRY_NEW);
  assert_gap (resume (stream, 3, 7000, 9500, 3), FALSE, FALSE, 0);
  assert_position (stream, "1700000004000-0");
  g_assert_cmpint (take (stream, 7000, "a", 1), ==, RD_REDIS_ENTRY_REPEATED);
  g_assert_cmpint (take (stream, 7001, "a", 3), ==, RD_REDIS_ENTRY_NEW); /* the clock is behind */
  g_assert_cmpint (take (stream, 9000, "a", 2), ==, RD_REDIS_ENTRY_REPEATED);
  g_assert_cmpint (take (stream, 9500, "a", 4), ==, RD_REDIS_ENTRY_NEW);
}

/* Other nodes may write faster than this one reads. */
static void
a_pass_has_caught_up_at_the_end_when_it_began (void)
{
  g_autoptr (RdRedisStream) stream = make_stream ();

  g_assert_cmpint (take (stream, 7000, "a", 1), ==, RD_REDIS_ENTRY_NEW);
  resume (stream, 3, 7000, 9500, 3);
  g_assert_cmpint (take (stream, 7000, "a", 1), ==, RD_REDIS_ENTRY_REPEATED);
  g_assert_cmpint (take (stream, 9499, "a", 2), ==, RD_REDIS_ENTRY_NEW);
  g_assert_false (rd_redis_stream_has_caught_up (stream));
  g_assert_cmpint (take (stream, 9500, "a", 3), ==, RD_REDIS_ENTRY_NEW);
  g_assert_true (rd_redis_stream_has_caught_up (stream));
}

static void
entries_before_this_node_are_not_delivered (void)
{
  g_autoptr (RdRedisStream) stream = stream_new (START_MS + 100);

  resume (stream, 10, 1, 100, 10);
  resume (stream, 10, 1, 100, 10);
  g_assert_cmpint (take (stream, 99, "a", 9), ==, RD_REDIS_ENTRY_REPEATED);
  g_assert_cmpint (take (stream, 100, "a", 10), ==, RD_REDIS_ENTRY_REPEATED);
  g_assert_cmpint (take (stream, 101, "a", 11), ==, RD_REDIS_ENTRY_NEW);
}

static void
invalid_information_is_refused (void)
{
  const char *const wires[] = {
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
    "+OK\r\n",
    "*0\r\n",
    "*2\r\n$6\r\nlength\r\n:1\r\n",
    "*4\r\n$6\r\nlength\r\n:1\r\n$17\r\nlast-generated-id\r\n$1\r\n1\r\n",
    "*4\r\n$6\r\nlength\r\n$1\r\n1\r\n$17\r\nlast-generated-id\r\n$3\r\n1-1\r\n",
    "*6\r\n$6\r\nlength\r\n:1\r\n$17\r\nlast-generated-id\r\n$3\r\n1-1\r\n$11\r\nfirst-entry\r\n"
    "*1\r\n$1\r\nx\r\n",
  };
  g_autoptr (RdRedisStream) stream = make_stream ();
  RdRedisGap gap;

  for (gsize i = 0; i < G_N_ELEMENTS (wires); i++)
    {
      g_autoptr (redisReply) info = make_reply (wires[i]);

      g_assert_false (rd_redis_stream_resume (stream, info, &gap));
      g_assert_false (rd_redis_stream_check (stream, info, &gap));
      assert_position (stream, "0-0");
    }
}

/* Data loss */

static void
a_smaller_last_id_is_data_loss (void)
{
  g_autoptr (RdRedisStream) stream = make_stream ();

  take (stream, 1, "a", 1);
  take (stream, 2, "a", 2);
  assert_gap (check (stream, 1, 1, 1, 1), TRUE, FALSE, 0);
  assert_gap (resume (stream, 1, 1, 1, 1), TRUE, FALSE, 0);
  assert_position (stream, "0-0");
  g_assert_cmpint (take (stream, 1, "a", 1), ==, RD_REDIS_ENTRY_REPEATED);
  g_assert_cmpint (take (stream, 3, "a", 2), ==, RD_REDIS_ENTRY_REPEATED);
  g_assert_cmpint (take (stream, 4, "a", 3), ==, RD_REDIS_ENTRY_NEW);
}

static void
fewer_entries_added_are_data_loss (void)
{
  g_autoptr (RdRedisStream) stream = make_stream ();

  take (stream, 1, "a", 1);
  take (stream, 2, "a", 2);
  assert_gap (resume (stream, 1, 9, 9, 1), TRUE, FALSE, 0);
  assert_position (stream, "0-0");
  g_assert_cmpint (take (stream, 9, "a", 3), ==, RD_REDIS_ENTRY_NEW);
  assert_gap (resume (stream, 1, 9, 9, 1), FALSE, FALSE, 0);
}

static void
only_older_entries_are_data_loss (void)
{
  g_autoptr (RdRedisStream) stream = make_stream ();

  take (stream, 5, "a", 1);
  take (stream, 9, "a", 2);
  assert_gap (resume (stream, 3, 6, 8, 8), TRUE, FALSE, 0); /* though more were added */
  assert_position (stream, "0-0");
  take (stream, 6, "a", 2); /* the sixth */
  assert_gap (resume (stream, 2, 11, 12, 12), FALSE, TRUE, 4);
}

/* For example, data of an older server was restored. */
static void
an_impossible_count_is_ignored (void)
{
  g_autoptr (RdRedisStream) stream = make_stream ();

  take_from_many (stream, 1, 2);
  assert_gap (resume (stream, 2, 1, 2, 1), FALSE, FALSE, 0);
}

/* The clock of the new server is far behind. */
static void
a_deleted_stream_is_data_loss (void)
{
  g_autoptr (RdRedisStream) stream = stream_new (START_MS + 100000);

  resume (stream, 10, 1, 100000, 10);
  assert_gap (resume_wire (stream, "-ERR no such key\r\n"), TRUE, FALSE, 0);
  assert_position (stream, "0-0");
  g_assert_cmpint (take (stream, 1, "newcomer", 1), ==, RD_REDIS_ENTRY_NEW);
  assert_gap (resume (stream, 1, 1, 1, 1), FALSE, FALSE, 0);
}

/* Trimmed entries */

static void
entries_trimmed_while_down_are_counted (void)
{
  g_autoptr (RdRedisStream) stream = make_stream ();

  take (stream, 1, "a", 1);
  take (stream, 2, "us", 1);
  take_wire (stream, "*2\r\n$15\r\n1700000000003-0\r\n*0\r\n");
  assert_gap (resume (stream, 3, 2, 4, 4), FALSE, FALSE, 0);    /* the first, which was read */
  assert_gap (resume (stream, 2, 4, 5, 5), FALSE, FALSE, 0);    /* all that were read */
  assert_gap (resume (stream, 5, 11, 15, 15), FALSE, TRUE, 7);  /* and 7 more */
  assert_gap (resume (stream, 5, 11, 15, 15), FALSE, FALSE, 0); /* reported before */
  assert_gap (resume (stream, 0, 0, 15, 15), FALSE, TRUE, 5);   /* the others, too */
  g_assert_cmpint (take (stream, 16, "a", 2), ==, RD_REDIS_ENTRY_NEW);
  assert_gap (resume (stream, 1, 16, 16, 16), FALSE, FALSE, 0);
}

static void
entries_trimmed_while_reading_are_counted (void)
{
  g_autoptr (RdRedisStream) stream = make_stream ();

  take (stream, 1, "a", 1);
  assert_gap (resume (stream, 10, 1, 10, 10), FALSE, FALSE, 0);
  take (stream, 1, "a", 1);
  take (stream, 6, "a", 2); /* four were trimmed meanwhile */
  assert_gap (check (stream, 5, 6, 10, 10), FALSE, FALSE, 0);
  take (stream, 12, "a", 3); /* five more, one of them after the known end */
  assert_gap (check (stream, 5, 12, 16, 16), FALSE, TRUE, 8);
  take (stream, 16, "a", 4); /* three more */
  assert_gap (check (stream, 1, 16, 16, 16), FALSE, TRUE, 4);
  assert_gap (check (stream, 1, 16, 16, 16), FALSE, FALSE, 0);
}

/* Redis executes at its second start what it has discarded at the first. */
static void
entries_that_come_back_are_not_missed (void)
{
  g_autoptr (RdRedisStream) stream = make_stream ();

  take_from_many (stream, 1, 9);
  resume (stream, 9, 1, 9, 9);
  assert_gap (resume (stream, 9, 3, 9, 11), FALSE, FALSE, 0);
  resume (stream, 8, 5, 10, 14);
  take (stream, 10, "a", 1);
  assert_gap (check (stream, 8, 5, 10, 14), FALSE, FALSE, 0);
}

static void
entries_trimmed_before_joining_are_reported_but_not_counted (void)
{
  g_autoptr (RdRedisStream) stream = stream_new (START_MS + 30);

  assert_gap (resume (stream, 10, 31, 50, 20), FALSE, TRUE, 0);
  assert_gap (resume (stream, 9, 32, 50, 20), FALSE, TRUE, 1);
}

static void
before_redis_7_trimmed_entries_are_reported_but_not_counted (void)
{
  const char *wire = "*14\r\n$6\r\nlength\r\n:1\r\n$15\r\nradix-tree-keys\r\n:1\r\n$16\r\n"
                     "radix-tree-nodes\r\n:2\r\n$17\r\nlast-generated-id\r\n$15\r\n"
                     "1700000000009-0\r\n$6\r\ngroups\r\n:0\r\n$11\r\nfirst-entry\r\n*2\r\n"
                     "$15\r\n1700000000009-0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n$10\r\nlast-entry\r\n"
                     "*2\r\n$15\r\n1700000000009-0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n";
  g_autoptr (RdRedisStream) stream = make_stream ();

  assert_gap (resume_wire (stream, wire), FALSE, FALSE, 0); /* it may be the first entry ever */
  take (stream, 1, "a", 1);
  assert_gap (resume_wire (stream, wire), FALSE, TRUE, 0);
  take (stream, 9, "a", 2);
  assert_gap (resume_wire (stream, wire), FALSE, FALSE, 0);
}

/* Untrusted input */

typedef struct
{
  const char *name;
  const char *wire;
} Case;

#define ENTRY(fields) "*2\r\n$15\r\n1700000000001-0\r\n" fields
#define NODE          "$4\r\nnode\r\n$1\r\na\r\n"
#define SEQ           "$3\r\nseq\r\n$1\r\n1\r\n"
#define TEXT          "$4\r\ntext\r\n$2\r\nhi\r\n"

static const Case foreign[] = {
  { "no-fields", ENTRY ("*-1\r\n") },
  { "no-list", ENTRY ("$2\r\nhi\r\n") },
  { "empty", ENTRY ("*0\r\n") },
  { "odd", ENTRY ("*5\r\n" NODE SEQ "$4\r\ntext\r\n") },
  { "no-node", ENTRY ("*4\r\n" SEQ TEXT) },
  { "no-seq", ENTRY ("*4\r\n" NODE TEXT) },
  { "no-message", ENTRY ("*4\r\n" NODE SEQ) },
  { "node-twice", ENTRY ("*6\r\n" NODE NODE TEXT) },
  { "seq-twice", ENTRY ("*6\r\n" NODE SEQ SEQ) },
  { "message-twice", ENTRY ("*6\r\n" NODE TEXT TEXT) },
  { "more", ENTRY ("*8\r\n" NODE SEQ TEXT "$5\r\ntopic\r\n$1\r\nx\r\n") },
  { "other", ENTRY ("*6\r\n" NODE SEQ "$4\r\njson\r\n$2\r\n{}\r\n") },
  { "node-empty", ENTRY ("*6\r\n$4\r\nnode\r\n$0\r\n\r\n" SEQ TEXT) },
  { "node-space", ENTRY ("*6\r\n$4\r\nnode\r\n$3\r\na b\r\n" SEQ TEXT) },
  { "node-not-ascii", ENTRY ("*6\r\n$4\r\nnode\r\n$2\r\n\xc3\xa9\r\n" SEQ TEXT) },
  { "node-long",
    ENTRY ("*6\r\n$4\r\nnode\r\n$65\r\n"
           "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0\r\n" SEQ TEXT) },
  { "node-number", ENTRY ("*6\r\n$4\r\nnode\r\n:1\r\n" SEQ TEXT) },
  { "seq-0", ENTRY ("*6\r\n" NODE "$3\r\nseq\r\n$1\r\n0\r\n" TEXT) },
  { "seq-empty", ENTRY ("*6\r\n" NODE "$3\r\nseq\r\n$0\r\n\r\n" TEXT) },
  { "seq-negative", ENTRY ("*6\r\n" NODE "$3\r\nseq\r\n$2\r\n-1\r\n" TEXT) },
  { "seq-hex", ENTRY ("*6\r\n" NODE "$3\r\nseq\r\n$3\r\n0x1\r\n" TEXT) },
  { "seq-large", ENTRY ("*6\r\n" NODE "$3\r\nseq\r\n$20\r\n18446744073709551616\r\n" TEXT) },
  { "seq-longer", ENTRY ("*6\r\n" NODE "$3\r\nseq\r\n$21\r\n184467440737095516151\r\n" TEXT) },
  { "text-not-utf-8", ENTRY ("*6\r\n" NODE SEQ "$4\r\ntext\r\n$2\r\n\xc3(\r\n") },
  { "text-incomplete", ENTRY ("*6\r\n" NODE SEQ "$4\r\ntext\r\n$1\r\n\xc3\r\n") },
  { "text-nil", ENTRY ("*6\r\n" NODE SEQ "$4\r\ntext\r\n$-1\r\n") },
  { "own-seq-0", ENTRY ("*6\r\n$4\r\nnode\r\n$2\r\nus\r\n$3\r\nseq\r\n$1\r\n0\r\n" TEXT) },
};

static void
a_foreign_entry_is_skipped (gconstpointer data)
{
  const Case *this = data;
  g_autoptr (RdRedisStream) stream = make_stream ();

  g_assert_cmpint (take_wire (stream, this->wire), ==, RD_REDIS_ENTRY_FOREIGN);
  assert_position (stream, "1700000000001-0");
  g_assert_cmpuint (rd_redis_stream_get_own (stream), ==, 0);
  g_assert_cmpint (take (stream, 2, "a", 1), ==, RD_REDIS_ENTRY_NEW);
}

static const Case invalid[] = {
  { "no-list", "$2\r\nhi\r\n" },
  { "nil", "*-1\r\n" },
  { "empty", "*0\r\n" },
  { "id-number", "*2\r\n:1700000000001\r\n*6\r\n" NODE SEQ TEXT },
  { "id-half", "*2\r\n$13\r\n1700000000001\r\n*6\r\n" NODE SEQ TEXT },
  { "id-empty-seq", "*2\r\n$14\r\n1700000000001-\r\n*6\r\n" NODE SEQ TEXT },
  { "id-sign", "*2\r\n$15\r\n1700000000001--\r\n*6\r\n" NODE SEQ TEXT },
  { "id-large", "*2\r\n$22\r\n18446744073709551616-1\r\n*6\r\n" NODE SEQ TEXT },
  { "id-same", "*2\r\n$15\r\n1700000000000-7\r\n*6\r\n" NODE SEQ TEXT },
  { "id-before", "*2\r\n$15\r\n1700000000000-6\r\n*6\r\n" NODE SEQ TEXT },
};

static void
an_invalid_entry_is_refused (gconstpointer data)
{
  const Case *this = data;
  g_autoptr (RdRedisStream) stream = make_stream ();

  take_wire (stream, "*2\r\n$15\r\n1700000000000-7\r\n*0\r\n");
  g_assert_cmpint (take_wire (stream, this->wire), ==, RD_REDIS_ENTRY_INVALID);
  assert_position (stream, "1700000000000-7");
}

/* The reader replaces discarded content by an error. */
static void
an_entry_with_discarded_content_is_too_large (void)
{
  const char *const wires[] = { ENTRY ("*6\r\n" NODE SEQ "$4\r\ntext\r\n-TOOBIG\r\n"),
                                ENTRY ("*2\r\n-TOOBIG\r\n-TOOBIG\r\n"), ENTRY ("-TOOBIG\r\n") };

  for (gsize i = 0; i < G_N_ELEMENTS (wires); i++)
    {
      g_autoptr (RdRedisStream) stream = make_stream ();

      g_assert_cmpint (take_wire (stream, wires[i]), ==, RD_REDIS_ENTRY_TOO_LARGE);
      assert_position (stream, "1700000000001-0");
      g_assert_cmpint (take (stream, 2, "a", 1), ==, RD_REDIS_ENTRY_NEW);
    }
}

static void
as_many_nodes_are_remembered_as_documented (void)
{
  g_autoptr (RdRedisStream) stream = make_stream ();

  take_from_many (stream, 1, RD_REDIS_DEDUP_MAX);
  resume (stream, RD_REDIS_DEDUP_MAX, 1, RD_REDIS_DEDUP_MAX, RD_REDIS_DEDUP_MAX);
  g_assert_cmpint (take (stream, 9001, "node1", 1), ==, RD_REDIS_ENTRY_REPEATED); /* seen again */
  take_from_many (stream, 10000, 1);
  g_assert_cmpint (take (stream, 10001, "node1", 1), ==, RD_REDIS_ENTRY_REPEATED);
  g_assert_cmpint (take (stream, 10002, "node3", 1), ==, RD_REDIS_ENTRY_REPEATED);
  g_assert_cmpint (take (stream, 10003, "node2", 1), ==, RD_REDIS_ENTRY_NEW); /* it was removed */
}

static void
a_removed_node_repeats_no_message (void)
{
  g_autoptr (RdRedisStream) stream = make_stream ();

  take_from_many (stream, 1, RD_REDIS_DEDUP_MAX + 2);
  resume (stream, RD_REDIS_DEDUP_MAX + 2, 1, RD_REDIS_DEDUP_MAX + 2, RD_REDIS_DEDUP_MAX + 2);
  g_assert_cmpint (take (stream, 1, "node1", 1), ==, RD_REDIS_ENTRY_REPEATED);
  g_assert_cmpint (take (stream, 2, "node2", 1), ==, RD_REDIS_ENTRY_REPEATED);
  g_assert_cmpint (take (stream, 3, "node3", 1), ==, RD_REDIS_ENTRY_REPEATED);
}

static void
add_cases (const char *path, const Case *cases, gsize n, GTestDataFunc func)
{
  for (gsize i = 0; i < n; i++)
    {
      g_autofree char *name = g_strdup_printf ("%s/%s", path, cases[i].name);

      g_test_add_data_func (name, &cases[i], func);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/redis/stream/once", a_message_is_delivered_once);
  g_test_add_func ("/redis/stream/message", a_message_is_not_changed);
  g_test_add_func ("/redis/stream/own", own_entries_are_counted_in_each_pass);
  g_test_add_func ("/redis/stream/first-pass/end", the_first_pass_begins_at_the_end);
  g_test_add_func ("/redis/stream/first-pass/since", the_first_pass_begins_at_the_start_time);
  g_test_add_func ("/redis/stream/first-pass/no-time", without_time_it_begins_at_the_end);
  g_test_add_func ("/redis/stream/first-pass/since/once", the_start_time_does_not_change);
  g_test_add_func ("/redis/stream/later-pass", a_later_pass_begins_before_the_last_position);
  g_test_add_func ("/redis/stream/caught-up", a_pass_has_caught_up_at_the_end_when_it_began);
  g_test_add_func ("/redis/stream/before-start", entries_before_this_node_are_not_delivered);
  g_test_add_func ("/redis/stream/invalid-info", invalid_information_is_refused);
  g_test_add_func ("/redis/stream/lost/end", a_smaller_last_id_is_data_loss);
  g_test_add_func ("/redis/stream/lost/fewer", fewer_entries_added_are_data_loss);
  g_test_add_func ("/redis/stream/lost/older", only_older_entries_are_data_loss);
  g_test_add_func ("/redis/stream/lost/count", an_impossible_count_is_ignored);
  g_test_add_func ("/redis/stream/lost/gone", a_deleted_stream_is_data_loss);
  g_test_add_func ("/redis/stream/trimmed/down", entries_trimmed_while_down_are_counted);
  g_test_add_func ("/redis/stream/trimmed/reading", entries_trimmed_while_reading_are_counted);
  g_test_add_func ("/redis/stream/trimmed/come-back", entries_that_come_back_are_not_missed);
  g_test_add_func ("/redis/stream/trimmed/joining",
                   entries_trimmed_before_joining_are_reported_but_not_counted);
  g_test_add_func ("/redis/stream/trimmed/redis-6",
                   before_redis_7_trimmed_entries_are_reported_but_not_counted);
  add_cases ("/redis/stream/foreign", foreign, G_N_ELEMENTS (foreign), a_foreign_entry_is_skipped);
  add_cases ("/redis/stream/invalid", invalid, G_N_ELEMENTS (invalid), an_invalid_entry_is_refused);
  g_test_add_func ("/redis/stream/too-large", an_entry_with_discarded_content_is_too_large);
  g_test_add_func ("/redis/stream/nodes/limit", as_many_nodes_are_remembered_as_documented);
  g_test_add_func ("/redis/stream/nodes/removed", a_removed_node_repeats_no_message);

  return g_test_run ();
}
