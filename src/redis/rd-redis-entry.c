/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* What Redis tells of a stream and its entries, read with distrust: anybody who may write to Redis
 * can have written them, and whoever answers may be something else. What an entry means for this
 * worker is not known here. */

#include "rd-redis-entry.h"

#include "ws-utf8.h"

#include <string.h>

#define ENTRY_FIELDS 3

/* Decimal digits, and nothing else. */
static gboolean
parse_number (const char *text, gsize size, guint64 *number)
{
  *number = 0;
  for (gsize i = 0; i < size; i++)
    if (!g_ascii_isdigit (text[i]) || !g_uint64_checked_mul (number, *number, 10)
        || !g_uint64_checked_add (number, *number, g_ascii_digit_value (text[i])))
      return FALSE;

  return size > 0;
}

/* "<ms>-<seq>" */
static gboolean
parse_id (const redisReply *reply, WsId *id)
{
  const char *dash;

  if (reply->type != REDIS_REPLY_STRING)
    return FALSE;

  dash = memchr (reply->str, '-', reply->len);
  return dash != NULL && parse_number (reply->str, dash - reply->str, &id->ms)
         && parse_number (dash + 1, reply->str + reply->len - dash - 1, &id->seq);
}

gboolean
rd_redis_entry_parse_id (const redisReply *reply, WsId *id)
{
  return reply->type == REDIS_REPLY_ARRAY && reply->elements > 0
         && parse_id (reply->element[0], id);
}

gboolean
rd_redis_node_is_name (const char *name, gsize size)
{
  for (gsize i = 0; i < size; i++)
    if (!g_ascii_isgraph (name[i]))
      return FALSE;

  return size > 0 && size <= RD_REDIS_NODE_MAX;
}

static gboolean
parse_field (const redisReply *field, const redisReply *value, RdRedisEntry *entry)
{
  if (field->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING)
    return FALSE;

  if (g_str_equal (field->str, "node"))
    {
      entry->node = value->str;
      return rd_redis_node_is_name (value->str, value->len);
    }
  if (g_str_equal (field->str, "seq"))
    return parse_number (value->str, value->len, &entry->sequence);

  entry->opcode = g_str_equal (field->str, "text") ? WS_OPCODE_TEXT : WS_OPCODE_BINARY;
  entry->data = (const guint8 *) value->str;
  entry->size = value->len;
  return entry->opcode == WS_OPCODE_TEXT ? ws_utf8_is_text ((const guint8 *) value->str, value->len)
                                         : g_str_equal (field->str, "binary");
}

gboolean
rd_redis_entry_parse (const redisReply *reply, RdRedisEntry *entry)
{
  const redisReply *fields;

  *entry = (RdRedisEntry){ 0 };
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
    return FALSE;

  fields = reply->element[1];
  if (fields->type != REDIS_REPLY_ARRAY || fields->elements != 2 * ENTRY_FIELDS)
    return FALSE;

  for (gsize i = 0; i < fields->elements; i += 2)
    if (!parse_field (fields->element[i], fields->element[i + 1], entry))
      return FALSE;

  /* None was there twice, then */
  return entry->node != NULL && entry->sequence > 0 && entry->data != NULL;
}

gsize
rd_redis_entry_get_size (const redisReply *reply)
{
  gsize size = reply->type == REDIS_REPLY_STRING ? reply->len : 0;

  /* the depth is bounded by the parser */
  for (gsize i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
    size += rd_redis_entry_get_size (reply->element[i]);
  return size;
}

/* Returns: (nullable): the value of a field in [field, value, …], if it is of that type. */
static const redisReply *
find_value (const redisReply *fields, const char *name, int type)
{
  for (gsize i = 0; i + 1 < fields->elements; i += 2)
    if (fields->element[i]->type == REDIS_REPLY_STRING
        && g_str_equal (fields->element[i]->str, name))
      return fields->element[i + 1]->type == type ? fields->element[i + 1] : NULL;

  return NULL;
}

gboolean
rd_redis_stream_info_parse (const redisReply *reply, RdRedisStreamInfo *info)
{
  const redisReply *length;
  const redisReply *added;
  const redisReply *first;
  const redisReply *last;

  *info = (RdRedisStreamInfo){ 0 };
  if (reply->type == REDIS_REPLY_ERROR && g_str_has_prefix (reply->str, "ERR no such key"))
    {
      info->has_added = TRUE;
      return TRUE;
    }
  if (reply->type != REDIS_REPLY_ARRAY)
    return FALSE;

  length = find_value (reply, "length", REDIS_REPLY_INTEGER);
  added = find_value (reply, "entries-added", REDIS_REPLY_INTEGER);
  first = find_value (reply, "first-entry", REDIS_REPLY_ARRAY);
  last = find_value (reply, "last-generated-id", REDIS_REPLY_STRING);
  if (length == NULL || last == NULL || !parse_id (last, &info->last))
    return FALSE;

  info->length = length->integer;
  info->has_added = added != NULL && added->integer >= length->integer;
  if (info->has_added)
    {
      info->added = added->integer;
      info->cut = info->added - info->length;
    }
  return first == NULL || rd_redis_entry_parse_id (first, &info->first);
}
