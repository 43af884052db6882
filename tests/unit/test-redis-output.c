/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The format of commands. How a link sends them is tested in test-redis-link.c. */

#include "rd-redis-protocol.h"

static void
a_command_is_an_array_of_bulk_strings (void)
{
  const char expected[] = "*2\r\n$4\r\nECHO\r\n$12\r\nRingdown ☎\r\n";
  const char *const argv[] = { "ECHO", "Ringdown ☎" };
  g_autoptr (GByteArray) output = g_byte_array_new ();

  rd_redis_command_append (output, 2, argv, NULL);
  g_assert_cmpmem (output->data, output->len, expected, sizeof expected - 1);
}

static void
words_may_be_binary (void)
{
  const char expected[] = "*3\r\n$1\r\n\0\r\n$0\r\n\r\n$4\r\n\r\n\xFF\0\r\n";
  const char *const argv[] = { "\0", NULL, "\r\n\xFF" };
  const gsize sizes[] = { 1, 0, 4 };
  g_autoptr (GByteArray) output = g_byte_array_new ();

  rd_redis_command_append (output, 3, argv, sizes);
  g_assert_cmpmem (output->data, output->len, expected, sizeof expected - 1);
}

static void
commands_are_appended (void)
{
  const char expected[] = "*1\r\n$3\r\none\r\n*1\r\n$3\r\ntwo\r\n";
  const char *const argv[] = { "one", "two" };
  g_autoptr (GByteArray) output = g_byte_array_new ();

  for (guint i = 0; i < 2; i++)
    rd_redis_command_append (output, 1, argv + i, NULL);
  g_assert_cmpmem (output->data, output->len, expected, sizeof expected - 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/redis-output/command", a_command_is_an_array_of_bulk_strings);
  g_test_add_func ("/redis-output/binary", words_may_be_binary);
  g_test_add_func ("/redis-output/append", commands_are_appended);

  return g_test_run ();
}
