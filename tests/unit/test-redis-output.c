/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The output queue: its format, its order in pieces of any size, and its memory. */

#include "rd-redis-protocol.h"

#include <string.h>

static void
assert_rest (const RdRedisOutput *output, const char *rest, gsize size)
{
  gsize n;
  const guint8 *bytes = rd_redis_output_peek (output, &n);

  g_assert_cmpmem (bytes, n, rest, size);
}

static void
starts_empty (void)
{
  RdRedisOutput output = { .bytes = g_byte_array_new () };

  assert_rest (&output, "", 0);
  g_byte_array_unref (output.bytes);
}

static void
a_command_is_an_array_of_bulk_strings (void)
{
  const char expected[] = "*2\r\n$4\r\nECHO\r\n$12\r\nRingdown ☎\r\n";
  const char *const argv[] = { "ECHO", "Ringdown ☎" };
  RdRedisOutput output = { .bytes = g_byte_array_new () };

  rd_redis_output_append (&output, 2, argv, NULL);
  assert_rest (&output, expected, sizeof expected - 1);
  g_byte_array_unref (output.bytes);
}

static void
words_may_be_binary (void)
{
  const char expected[] = "*3\r\n$1\r\n\0\r\n$0\r\n\r\n$4\r\n\r\n\xFF\0\r\n";
  const char *const argv[] = { "\0", NULL, "\r\n\xFF" };
  const gsize sizes[] = { 1, 0, 4 };
  RdRedisOutput output = { .bytes = g_byte_array_new () };

  rd_redis_output_append (&output, 3, argv, sizes);
  assert_rest (&output, expected, sizeof expected - 1);
  g_byte_array_unref (output.bytes);
}

/* Sends the output in pieces of @piece bytes, while commands are appended. */
static void
send_in_pieces (gsize piece)
{
  g_autoptr (GString) expected = g_string_new (NULL);
  g_autoptr (GByteArray) sent = g_byte_array_new ();
  RdRedisOutput output = { .bytes = g_byte_array_new () };
  gsize size = 1;

  for (guint i = 0; i < 1000 || size > 0; i++)
    {
      const guint8 *bytes;

      if (i < 1000)
        {
          g_autofree char *word = g_strdup_printf ("%u", i * i);
          const char *const argv[] = { word };

          rd_redis_output_append (&output, 1, argv, NULL);
          g_string_append_printf (expected, "*1\r\n$%zu\r\n%s\r\n", strlen (word), word);
        }
      bytes = rd_redis_output_peek (&output, &size);
      g_byte_array_append (sent, bytes, MIN (size, piece));
      rd_redis_output_advance (&output, MIN (size, piece));
    }
  g_assert_cmpmem (sent->data, sent->len, expected->str, expected->len);
  g_byte_array_unref (output.bytes);
}

static void
is_sent_in_pieces_of_any_size (void)
{
  for (gsize piece = 1; piece < 64; piece++)
    send_in_pieces (piece);
  send_in_pieces (G_MAXSIZE);
}

/* A socket that accepts little at a time. */
static void
a_long_queue_is_rarely_moved (void)
{
  g_autofree char *word = g_strnfill (1 << 20, 'x');
  const char *const argv[] = { word };
  RdRedisOutput output = { .bytes = g_byte_array_new () };
  guint moves = 0;
  gsize size;

  rd_redis_output_append (&output, 1, argv, NULL);
  for (rd_redis_output_peek (&output, &size); size > 0; rd_redis_output_peek (&output, &size))
    {
      const gsize before = output.sent;

      rd_redis_output_advance (&output, MIN (size, 64));
      moves += output.sent != before + MIN (size, 64);
    }
  g_assert_cmpuint (moves, <=, 21); /* log2 of the size, and one */
  g_byte_array_unref (output.bytes);
}

/* A socket that accepts as much as is appended, but never empties the queue. */
static void
a_queue_that_is_never_empty_does_not_grow (void)
{
  g_autofree char *word = g_strnfill (1000, 'x');
  const char *const argv[] = { word };
  RdRedisOutput output = { .bytes = g_byte_array_new () };
  gsize size;

  rd_redis_output_append (&output, 1, argv, NULL);
  rd_redis_output_peek (&output, &size);
  for (guint i = 0; i < 1000; i++)
    {
      rd_redis_output_append (&output, 1, argv, NULL);
      rd_redis_output_advance (&output, size);
      g_assert_cmpuint (output.bytes->len, <=, 3 * size);
    }
  g_byte_array_unref (output.bytes);
}

static void
a_large_queue_is_freed_when_sent (void)
{
  g_autofree char *word = g_strnfill (4 << 20, 'x');
  const char *const argv[] = { word };
  RdRedisOutput output = { .bytes = g_byte_array_new () };
  GByteArray *before;
  gsize size;

  rd_redis_output_append (&output, 1, argv, NULL);
  before = g_byte_array_ref (output.bytes);
  rd_redis_output_peek (&output, &size);
  rd_redis_output_advance (&output, size);
  g_assert_true (output.bytes != before);
  assert_rest (&output, "", 0);
  g_byte_array_unref (before);
  g_byte_array_unref (output.bytes);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/redis-output/empty", starts_empty);
  g_test_add_func ("/redis-output/command", a_command_is_an_array_of_bulk_strings);
  g_test_add_func ("/redis-output/binary", words_may_be_binary);
  g_test_add_func ("/redis-output/pieces", is_sent_in_pieces_of_any_size);
  g_test_add_func ("/redis-output/moves", a_long_queue_is_rarely_moved);
  g_test_add_func ("/redis-output/growth", a_queue_that_is_never_empty_does_not_grow);
  g_test_add_func ("/redis-output/memory", a_large_queue_is_freed_when_sent);

  return g_test_run ();
}
