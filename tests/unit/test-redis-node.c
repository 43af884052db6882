/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A node's hash in Redis: parsed, missing, or written by another program. */

#include "rd-redis-nodes.h"

#include <string.h>

#define NODE_FIELDS 6

/* Returns: (transfer full): the reply in @protocol. */
static redisReply *
reply_of (const char *protocol)
{
  redisReader *reader = redisReaderCreate ();
  redisReply *reply = NULL;

  g_assert_cmpint (redisReaderFeed (reader, protocol, strlen (protocol)), ==, REDIS_OK);
  g_assert_cmpint (redisReaderGetReply (reader, (void **) &reply), ==, REDIS_OK);
  g_assert_nonnull (reply);
  redisReaderFree (reader);
  return reply;
}

/* Parses a reply with @fields; NULL: no such field. */
static RdRedisNodeKind
parse_fields (const char *const fields[NODE_FIELDS], RdNode **node)
{
  g_autoptr (GString) protocol = g_string_new (NULL);
  redisReply *reply;
  RdRedisNodeKind kind;

  g_string_append_printf (protocol, "*%d\r\n", NODE_FIELDS);
  for (guint i = 0; i < NODE_FIELDS; i++)
    {
      if (fields[i] != NULL)
        g_string_append_printf (protocol, "$%zu\r\n%s\r\n", strlen (fields[i]), fields[i]);
      else
        g_string_append (protocol, "$-1\r\n");
    }
  reply = reply_of (protocol->str);
  kind = rd_redis_node_parse ("5eed", reply, node);
  freeReplyObject (reply);
  return kind;
}

static RdRedisNodeKind
parse_protocol (const char *protocol)
{
  redisReply *reply = reply_of (protocol);
  RdNode *node = NULL;
  const RdRedisNodeKind kind = rd_redis_node_parse ("5eed", reply, &node);

  g_assert_null (node);
  freeReplyObject (reply);
  return kind;
}

static void
a_node_is_parsed (void)
{
  g_autoptr (RdNode) node = NULL;

  g_assert_cmpint (
    parse_fields ((const char *[]){ "alpha", "812", "left-1", "draining", "3", "1.2.3" }, &node),
    ==, RD_REDIS_NODE_VALID);
  g_assert_cmpstr (node->id, ==, "5eed");
  g_assert_cmpstr (node->host, ==, "alpha");
  g_assert_cmpuint (node->pid, ==, 812);
  g_assert_cmpstr (node->instance, ==, "left-1");
  g_assert_cmpstr (node->state, ==, "draining");
  g_assert_cmpuint (node->clients, ==, 3);
  g_assert_cmpstr (node->version, ==, "1.2.3");
}

static void
a_node_without_instance_and_clients_is_valid (void)
{
  g_autoptr (RdNode) node = NULL;

  g_assert_cmpint (
    parse_fields ((const char *[]){ "alpha", "4294967295", "", "running", "0", "1" }, &node), ==,
    RD_REDIS_NODE_VALID);
  g_assert_cmpstr (node->instance, ==, "");
  g_assert_cmpuint (node->clients, ==, 0);
  g_assert_cmpuint (node->pid, ==, G_MAXUINT);
}

static void
a_node_without_a_hash_is_gone (void)
{
  RdNode *node = NULL;

  g_assert_cmpint (parse_fields ((const char *[NODE_FIELDS]){ NULL }, &node), ==,
                   RD_REDIS_NODE_GONE);
  g_assert_null (node);
}

static void
a_missing_field_is_invalid (void)
{
  for (guint missing = 0; missing < NODE_FIELDS; missing++)
    {
      const char *fields[] = { "alpha", "812", "", "running", "3", "1.2.3" };
      RdNode *node = NULL;

      fields[missing] = NULL;
      g_assert_cmpint (parse_fields (fields, &node), ==, RD_REDIS_NODE_INVALID);
      g_assert_null (node);
    }
}

static void
a_wrong_number_is_invalid (void)
{
  static const char *const words[] = { "",    "-1",   "+1",  " 1",         "1 ",
                                       "1.5", "0x10", "one", "4294967296", "99999999999999999999" };

  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    {
      RdNode *node = NULL;

      g_assert_cmpint (
        parse_fields ((const char *[]){ "a", words[i], "", "running", "3", "1" }, &node), ==,
        RD_REDIS_NODE_INVALID);
      g_assert_cmpint (
        parse_fields ((const char *[]){ "a", "812", "", "running", words[i], "1" }, &node), ==,
        RD_REDIS_NODE_INVALID);
      g_assert_null (node);
    }
}

static void
any_other_reply_is_invalid (void)
{
  static const char *const answers[] = {
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
    "$-1\r\n",
    "*-1\r\n",
    "*0\r\n",
    ":6\r\n",
    "*5\r\n$1\r\na\r\n$1\r\n1\r\n$0\r\n\r\n$1\r\nr\r\n$1\r\n3\r\n",
    "*7\r\n$1\r\na\r\n$1\r\n1\r\n$0\r\n\r\n$1\r\nr\r\n$1\r\n3\r\n$1\r\n1\r\n$1\r\n1\r\n",
    "*6\r\n$1\r\na\r\n:1\r\n$0\r\n\r\n$1\r\nr\r\n:3\r\n$1\r\n1\r\n",
    "*6\r\n*0\r\n*0\r\n*0\r\n*0\r\n*0\r\n*0\r\n",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (answers); i++)
    g_assert_cmpint (parse_protocol (answers[i]), ==, RD_REDIS_NODE_INVALID);
}

static void
strings_are_cut_and_made_printable (void)
{
  g_autofree char *ascii = g_strnfill (100000, 'x');
  g_autoptr (GString) satellites = g_string_new (NULL);
  g_autoptr (RdNode) node = NULL;

  for (guint i = 0; i < 1000; i++)
    g_string_append (satellites, "\U0001f6f0");
  g_assert_cmpint (
    parse_fields (
      (const char *[]){ ascii, "1", satellites->str, "a\033[31m\n\xff", "3", "v\xf0\x9f" }, &node),
    ==, RD_REDIS_NODE_VALID);
  g_assert_cmpint (g_utf8_strlen (node->host, -1), ==, 256);
  g_assert_true (g_str_has_suffix (node->host, "x…"));
  g_assert_cmpint (g_utf8_strlen (node->instance, -1), ==, 256);
  g_assert_true (g_str_has_suffix (node->instance, "\U0001f6f0…"));
  g_assert_cmpstr (node->state, ==, "a\\u001b[31m\\u000a\uFFFD");
  g_assert_cmpstr (node->version, ==, "v\uFFFD\uFFFD");
}

static void
a_state_is_short (void)
{
  g_autofree char *state = g_strnfill (41, 's');
  g_autoptr (RdNode) node = NULL;

  g_assert_cmpint (parse_fields ((const char *[]){ "a", "1", "", state, "3", "1" }, &node), ==,
                   RD_REDIS_NODE_VALID);
  g_assert_cmpint (g_utf8_strlen (node->state, -1), ==, 41);
  g_assert_true (g_str_has_suffix (node->state, "s…"));
}

static void
ids_are_short_and_alphanumeric (void)
{
  static const struct
  {
    const char *protocol;
    const char *id;
  } cases[] = {
    { "$4\r\n5eed\r\n", "5eed" },
    { "$36\r\n0b5c2d9e-6b7c-4a55-9c3e-2f4a1d8e7b60\r\n", "0b5c2d9e-6b7c-4a55-9c3e-2f4a1d8e7b60" },
    { "$64\r\n0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n",
      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" },
    { "$65\r\n0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdefx\r\n", NULL },
    { "$0\r\n\r\n", NULL },
    { "$3\r\na b\r\n", NULL },
    { "$3\r\na:b\r\n", NULL },
    { "$3\r\na\nb\r\n", NULL },
    { "$2\r\n\xc3\xbc\r\n", NULL },
    { ":5\r\n", NULL },
    { "$-1\r\n", NULL },
    { "*0\r\n", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      redisReply *member = reply_of (cases[i].protocol);
      g_autofree char *id = rd_redis_node_parse_id (member);

      g_assert_cmpstr (id, ==, cases[i].id);
      freeReplyObject (member);
    }
}

static void
an_id_has_no_nul (void)
{
  redisReply member = { .type = REDIS_REPLY_STRING, .str = (char[]){ "5e\0d" }, .len = 4 };

  g_assert_null (rd_redis_node_parse_id (&member));
}

static void
the_key_has_the_id (void)
{
  g_autofree char *key = rd_redis_node_dup_key ("5eed");

  g_assert_cmpstr (key, ==, "ringdown:node:5eed");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/redis-node/a-node-is-parsed", a_node_is_parsed);
  g_test_add_func ("/redis-node/a-node-without-instance-and-clients-is-valid",
                   a_node_without_instance_and_clients_is_valid);
  g_test_add_func ("/redis-node/a-node-without-a-hash-is-gone", a_node_without_a_hash_is_gone);
  g_test_add_func ("/redis-node/a-missing-field-is-invalid", a_missing_field_is_invalid);
  g_test_add_func ("/redis-node/a-wrong-number-is-invalid", a_wrong_number_is_invalid);
  g_test_add_func ("/redis-node/any-other-reply-is-invalid", any_other_reply_is_invalid);
  g_test_add_func ("/redis-node/strings-are-cut-and-made-printable",
                   strings_are_cut_and_made_printable);
  g_test_add_func ("/redis-node/a-state-is-short", a_state_is_short);
  g_test_add_func ("/redis-node/ids-are-short-and-alphanumeric", ids_are_short_and_alphanumeric);
  g_test_add_func ("/redis-node/an-id-has-no-nul", an_id_has_no_nul);
  g_test_add_func ("/redis-node/the-key-has-the-id", the_key_has_the_id);
  return g_test_run ();
}
