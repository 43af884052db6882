/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Parsing replies: every type, split at any byte, and the limits. */

#include "rd-redis-protocol.h"

#include <string.h>

/* Asserts that @wire, fed in pieces of @piece bytes, is @n replies, and returns the last. */
static redisReply *
read_in_pieces (const char *wire, gsize piece, guint n)
{
  g_autoptr (RdRedisReader) reader = rd_redis_reader_new ();
  g_autoptr (redisReply) last = NULL;
  const gsize size = strlen (wire);
  guint n_read = 0;

  for (gsize i = 0; i < size; i += piece)
    {
      g_autoptr (GError) error = NULL;
      redisReply *reply;

      rd_redis_reader_feed (reader, wire + i, MIN (piece, size - i));
      while ((reply = rd_redis_reader_next (reader, &error)) != NULL)
        {
          g_clear_pointer (&last, freeReplyObject);
          last = reply;
          n_read++;
        }
      g_assert_no_error (error);
    }
  g_assert_cmpuint (n_read, ==, n);
  return g_steal_pointer (&last);
}

static void
parses_every_type (void)
{
  const char wire[] = "*6\r\n+OK\r\n-ERR no\r\n:-42\r\n$-1\r\n*-1\r\n*1\r\n*0\r\n";

  for (gsize piece = 1; piece <= sizeof wire; piece++)
    {
      g_autoptr (redisReply) reply = read_in_pieces (wire, piece, 1);

      g_assert_cmpint (reply->type, ==, REDIS_REPLY_ARRAY);
      g_assert_cmpuint (reply->elements, ==, 6);
      g_assert_cmpint (reply->element[0]->type, ==, REDIS_REPLY_STATUS);
      g_assert_cmpstr (reply->element[0]->str, ==, "OK");
      g_assert_cmpint (reply->element[1]->type, ==, REDIS_REPLY_ERROR);
      g_assert_cmpstr (reply->element[1]->str, ==, "ERR no");
      g_assert_cmpint (reply->element[2]->integer, ==, -42);
      g_assert_cmpint (reply->element[3]->type, ==, REDIS_REPLY_NIL);
      g_assert_cmpint (reply->element[4]->type, ==, REDIS_REPLY_NIL);
      g_assert_cmpuint (reply->element[5]->element[0]->elements, ==, 0);
    }
}

static void
separates_replies (void)
{
  const char wire[] = "+one\r\n$5\r\nt\r\nwo\r\n:3\r\n";

  for (gsize piece = 1; piece <= sizeof wire; piece++)
    {
      g_autoptr (redisReply) reply = read_in_pieces (wire, piece, 3);

      g_assert_cmpint (reply->integer, ==, 3);
    }
}

static void
assert_refused (RdRedisReader *reader, int code)
{
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (rd_redis_reader_next (reader, &error));
      g_assert_error (error, RD_REDIS_ERROR, code);
    }
}

static void
refuses_invalid_replies (void)
{
  const char *const wires[] = { "HTTP/1.1 400 Bad Request\r\n",
                                "\r\n",
                                "*1\r\nx\r\n",
                                "*-2\r\n",
                                "$-2\r\n",
                                ":one\r\n",
                                "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n" };

  for (gsize i = 0; i < G_N_ELEMENTS (wires); i++)
    {
      g_autoptr (RdRedisReader) reader = rd_redis_reader_new ();

      rd_redis_reader_feed (reader, wires[i], strlen (wires[i]));
      assert_refused (reader, RD_REDIS_ERROR_PROTOCOL);
    }
}

static void
names_the_error (void)
{
  g_autoptr (RdRedisReader) reader = rd_redis_reader_new ();
  g_autoptr (GError) error = NULL;

  rd_redis_reader_feed (reader, "HTTP", 4);
  g_assert_null (rd_redis_reader_next (reader, &error));
  g_assert_cmpstr (error->message, ==,
                   "the answer does not follow the Redis protocol: "
                   "Protocol error, got \"H\" as reply type byte");
}

static void
replies_before_an_invalid_one_are_valid (void)
{
  g_autoptr (RdRedisReader) reader = rd_redis_reader_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (redisReply) reply = NULL;

  rd_redis_reader_feed (reader, "+OK\r\nwhat?", 10);
  reply = rd_redis_reader_next (reader, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (reply->str, ==, "OK");
  assert_refused (reader, RD_REDIS_ERROR_PROTOCOL);
}

#define PIECE (8 << 20)

/* Feeds another reply, @head, and filling up to @total bytes with @head. */
static RdRedisReader *
feed_long (const char *head, gsize total)
{
  RdRedisReader *reader = rd_redis_reader_new ();
  g_autofree char *first = g_strconcat ("+OK\r\n", head, NULL);
  g_autoptr (redisReply) ok = NULL;
  g_autofree char *piece = g_strnfill (PIECE, 'x');
  gsize n = strlen (head);

  rd_redis_reader_feed (reader, first, strlen (first));
  ok = rd_redis_reader_next (reader, NULL);
  g_assert_cmpstr (ok->str, ==, "OK");
  while (n < total)
    {
      g_autoptr (GError) error = NULL;
      const gsize size = MIN (total - n, PIECE);

      g_assert_null (rd_redis_reader_next (reader, &error));
      g_assert_no_error (error);
      rd_redis_reader_feed (reader, piece, size);
      n += size;
    }
  return reader;
}

static void
takes_the_longest_reply (void)
{
  g_autofree char *head = g_strdup_printf ("$%d\r\n", RD_REDIS_REPLY_MAX - 13);
  g_autoptr (RdRedisReader) reader = feed_long (head, RD_REDIS_REPLY_MAX - 2);
  g_autoptr (redisReply) reply = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (strlen (head), ==, 11);
  rd_redis_reader_feed (reader, "\r\n", 2);
  reply = rd_redis_reader_next (reader, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (reply->len, ==, RD_REDIS_REPLY_MAX - 13);
}

static void
assert_too_big (const redisReply *reply)
{
  g_assert_cmpint (reply->type, ==, REDIS_REPLY_ERROR);
  g_assert_cmpstr (reply->str, ==, RD_REDIS_REPLY_TOO_BIG);
}

static redisReply *
expect_reply (RdRedisReader *reader)
{
  g_autoptr (GError) error = NULL;
  redisReply *reply = rd_redis_reader_next (reader, &error);

  g_assert_no_error (error);
  g_assert_nonnull (reply);
  return reply;
}

static void
replaces_a_longer_string (void)
{
  g_autofree char *head = g_strdup_printf ("$%d\r\n", RD_REDIS_REPLY_MAX - 12);
  g_autofree char *piece = g_strnfill (PIECE, 'x');
  g_autoptr (RdRedisReader) reader = rd_redis_reader_new ();
  g_autoptr (redisReply) reply = NULL;
  g_autoptr (redisReply) next = NULL;
  gsize left = RD_REDIS_REPLY_MAX - 12;

  for (const char *byte = head; *byte != '\0'; byte++)
    rd_redis_reader_feed (reader, byte, 1);
  for (; left > 0; left -= MIN (left, PIECE))
    rd_redis_reader_feed (reader, piece, MIN (left, PIECE));
  rd_redis_reader_feed (reader, "\r\n:7\r\n", 6);
  reply = expect_reply (reader);
  assert_too_big (reply);
  next = expect_reply (reader);
  g_assert_cmpint (next->integer, ==, 7);
}

static void
refuses_an_endless_line (void)
{
  g_autoptr (RdRedisReader) reader = feed_long ("+", RD_REDIS_LINE_MAX);
  g_autoptr (GError) error = NULL;

  g_assert_null (rd_redis_reader_next (reader, &error));
  g_assert_no_error (error);
  rd_redis_reader_feed (reader, "x", 1);
  assert_refused (reader, RD_REDIS_ERROR_TOO_BIG);
  g_assert_null (rd_redis_reader_next (reader, &error));
  g_assert_cmpstr (error->message, ==, "the answer has a line of more than 1MiB");
}

/* Elements that the parser has finished count, too. */
static void
replaces_elements_after_the_limit (void)
{
  g_autoptr (RdRedisReader) reader = rd_redis_reader_new ();
  g_autofree char *filling = g_strnfill (1 << 20, 'x');
  g_autofree char *element = g_strdup_printf ("$%d\r\n%s\r\n", 1 << 20, filling);
  g_autoptr (redisReply) reply = NULL;

  rd_redis_reader_feed (reader, "*70\r\n", 5);
  for (guint i = 0; i < 70; i++)
    {
      g_assert_null (rd_redis_reader_next (reader, NULL));
      rd_redis_reader_feed (reader, element, strlen (element));
    }

  reply = expect_reply (reader);
  for (guint i = 0; i < 63; i++)
    g_assert_cmpuint (reply->element[i]->len, ==, 1 << 20);
  for (guint i = 63; i < 70; i++)
    assert_too_big (reply->element[i]);
}

/* By its first line: the parser would allocate memory for all of it. */
static void
replaces_an_array_that_cannot_fit (void)
{
  const char *wire = "*3\r\n:1\r\n*16777217\r\n";
  g_autoptr (RdRedisReader) reader = rd_redis_reader_new ();
  g_autoptr (redisReply) reply = NULL;
  g_autoptr (GString) pairs = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  rd_redis_reader_feed (reader, "*16777216\r\n", 11);
  g_assert_null (rd_redis_reader_next (reader, &error));
  g_assert_no_error (error);
  g_clear_pointer (&reader, rd_redis_reader_free);

  reader = rd_redis_reader_new ();
  for (guint i = 0; i < 1 << 16; i++)
    g_string_append (pairs,
                     ":1\r\n*2\r\n+a\r\n$3\r\n*9\n\r\n"); /* two elements, one of them an array */
  rd_redis_reader_feed (reader, wire, strlen (wire));
  for (guint i = 0; i < 1 << 7; i++)
    rd_redis_reader_feed (reader, pairs->str, pairs->len);
  rd_redis_reader_feed (reader, "$-1\r\n:3\r\n:4\r\n", 13);

  reply = expect_reply (reader);
  g_assert_cmpuint (reply->elements, ==, 3);
  g_assert_cmpint (reply->element[0]->integer, ==, 1);
  assert_too_big (reply->element[1]);
  g_assert_cmpint (reply->element[2]->integer, ==, 3);
  freeReplyObject (g_steal_pointer (&reply));
  reply = expect_reply (reader);
  g_assert_cmpint (reply->integer, ==, 4);
}

/* The first bytes of the next reply count for that reply only. */
static void
counts_each_reply_by_itself (void)
{
  g_autoptr (RdRedisReader) reader = rd_redis_reader_new ();
  g_autofree char *filling = g_strnfill (1 << 20, 'x');
  g_autofree char *wire = g_strdup_printf ("$%d\r\n%s\r\n", 1 << 20, filling);
  const gsize size = strlen (wire);

  rd_redis_reader_feed (reader, wire, 10);
  for (guint i = 0; i < 70; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (redisReply) reply = NULL;

      rd_redis_reader_feed (reader, wire + 10, size - 10);
      rd_redis_reader_feed (reader, wire, 10);
      reply = rd_redis_reader_next (reader, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (reply->len, ==, 1 << 20);
      g_assert_null (rd_redis_reader_next (reader, &error));
      g_assert_no_error (error);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/redis-reader/types", parses_every_type);
  g_test_add_func ("/redis-reader/apart", separates_replies);
  g_test_add_func ("/redis-reader/no-reply", refuses_invalid_replies);
  g_test_add_func ("/redis-reader/message", names_the_error);
  g_test_add_func ("/redis-reader/good-then-bad", replies_before_an_invalid_one_are_valid);
  g_test_add_func ("/redis-reader/longest", takes_the_longest_reply);
  g_test_add_func ("/redis-reader/longer", replaces_a_longer_string);
  g_test_add_func ("/redis-reader/endless-line", refuses_an_endless_line);
  g_test_add_func ("/redis-reader/array/read", replaces_elements_after_the_limit);
  g_test_add_func ("/redis-reader/array/huge", replaces_an_array_that_cannot_fit);
  g_test_add_func ("/redis-reader/each", counts_each_reply_by_itself);

  return g_test_run ();
}
