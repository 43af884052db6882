/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* How one worker is written in Redis. Anybody can write there: what is no worker is told from one
 * that is gone, texts are cut and made printable, and numbers have to be numbers. Never asks Redis
 * anything. */

#include "rd-redis-node.h"

#include "rd-text.h"

#define KEY_PREFIX "ringdown:node:"
#define ID_MAX     64  /* bytes */
#define TEXT_MAX   255 /* characters that are kept */
#define STATE_MAX  40

enum
{
  FIELD_HOST,
  FIELD_PID,
  FIELD_INSTANCE,
  FIELD_STATE,
  FIELD_CLIENTS,
  FIELD_VERSION,
  N_FIELDS,
};

char *
rd_redis_node_parse_id (const redisReply *member)
{
  if (member->type != REDIS_REPLY_STRING || member->len == 0 || member->len > ID_MAX)
    return NULL;

  for (gsize i = 0; i < member->len; i++)
    {
      if (!g_ascii_isalnum (member->str[i]) && member->str[i] != '-')
        return NULL;
    }
  return g_strndup (member->str, member->len);
}

char *
rd_redis_node_dup_key (const char *id)
{
  return g_strconcat (KEY_PREFIX, id, NULL);
}

static char *
dup_text (const redisReply *reply, gsize max_chars)
{
  /* of UTF-8, a character has up to four bytes; one more than fit shows that it was cut */
  g_autofree char *text = g_strndup (reply->str, MIN (reply->len, (max_chars + 1) * 4));

  return rd_text_printable (text, max_chars);
}

static gboolean
parse_number (const redisReply *reply, guint *number)
{
  guint64 value;

  if (!g_ascii_string_to_unsigned (reply->str, 10, 0, G_MAXUINT, &value, NULL))
    return FALSE;

  *number = value;
  return TRUE;
}

/* Returns: how many of the fields are texts, or -1 if one is neither that nor absent. */
static int
count_texts (const redisReply *reply)
{
  int texts = 0;

  for (gsize i = 0; i < reply->elements; i++)
    {
      const int type = reply->element[i]->type;

      if (type != REDIS_REPLY_STRING && type != REDIS_REPLY_NIL)
        return -1;
      if (type == REDIS_REPLY_STRING)
        texts++;
    }
  return texts;
}

RdRedisNodeKind
rd_redis_node_parse (const char *id, const redisReply *reply, RdNode **node)
{
  redisReply *const *fields = reply->element;
  guint pid, clients;
  int texts;

  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != N_FIELDS)
    return RD_REDIS_NODE_UNKNOWN;

  texts = count_texts (reply);
  if (texts == 0)
    return RD_REDIS_NODE_GONE;
  if (texts != N_FIELDS || !parse_number (fields[FIELD_PID], &pid)
      || !parse_number (fields[FIELD_CLIENTS], &clients))
    return RD_REDIS_NODE_UNKNOWN;

  *node = g_new0 (RdNode, 1);
  (*node)->id = g_strdup (id);
  (*node)->host = dup_text (fields[FIELD_HOST], TEXT_MAX);
  (*node)->pid = pid;
  (*node)->instance = dup_text (fields[FIELD_INSTANCE], TEXT_MAX);
  (*node)->state = dup_text (fields[FIELD_STATE], STATE_MAX);
  (*node)->clients = clients;
  (*node)->version = dup_text (fields[FIELD_VERSION], TEXT_MAX);
  return RD_REDIS_NODE_HERE;
}
