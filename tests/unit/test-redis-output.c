/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The format of commands. How a link sends them is tested in test-redis-link.c. */

#include "rd-redis-protocol.h"

static void
a_command_is_an_array_of_bulk_strings (void)
{
  const char expected[] = "*2\r\n$4\r\nECHO\r\n$12\r\nRingdown ☎\r\n";
  const char *const words[] = { "ECHO", "Ringdown ☎", NULL };
  g_autoptr (GString) output = g_string_new (NULL);

  rd_redis_command_append (output, words, NULL);
  g_assert_cmpmem (output->str, output->len, expected, sizeof expected - 1);
}

static void
the_last_argument_may_be_binary (void)
{
  const char expected[] = "*3\r\n$1\r\na\r\n$0\r\n\r\n$4\r\n\r\n\xFF\0\r\n";
  const char *const words[] = { "a", "", NULL };
  g_autoptr (GBytes) data = g_bytes_new_static ("\r\n\xFF", 4);
  g_autoptr (GString) output = g_string_new (NULL);

  rd_redis_command_append (output, words, data);
  g_assert_cmpmem (output->str, output->len, expected, sizeof expected - 1);
}

static void
the_last_argument_may_be_empty (void)
{
  const char *const words[] = { "a", NULL };
  g_autoptr (GBytes) data = g_bytes_new (NULL, 0);
  g_autoptr (GString) output = g_string_new (NULL);

  rd_redis_command_append (output, words, data);
  g_assert_cmpstr (output->str, ==, "*2\r\n$1\r\na\r\n$0\r\n\r\n");
}

static void
commands_are_appended (void)
{
  g_autoptr (GString) output = g_string_new (NULL);

  rd_redis_command_append (output, (const char *[]){ "one", NULL }, NULL);
  rd_redis_command_append (output, (const char *[]){ "two", NULL }, NULL);
  g_assert_cmpstr (output->str, ==, "*1\r\n$3\r\none\r\n*1\r\n$3\r\ntwo\r\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/redis-output/command", a_command_is_an_array_of_bulk_strings);
  g_test_add_func ("/redis-output/binary", the_last_argument_may_be_binary);
  g_test_add_func ("/redis-output/empty", the_last_argument_may_be_empty);
  g_test_add_func ("/redis-output/append", commands_are_appended);

  return g_test_run ();
}
