/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Model of a Redis server with one stream: ids that always grow, trimming in blocks, and loss of
 * the newest entries. */

#include "redis-model.h"

#include <stdio.h>

#define BLOCK 10 /* entries: MAXLEN ~ trims whole blocks */

RedisModel *
redis_model_new (guint64 history)
{
  RedisModel *redis = g_new0 (RedisModel, 1);

  redis->history = history;
  redis->entries = g_array_new (FALSE, FALSE, sizeof (ModelEntry));
  return redis;
}

void
redis_model_free (RedisModel *redis)
{
  g_array_unref (redis->entries);
  g_free (redis);
}

char *
model_sender_name (guint sender)
{
  return g_strdup_printf ("node%u", sender);
}

static const ModelEntry *
entry_at (const RedisModel *redis, guint i)
{
  return &g_array_index (redis->entries, ModelEntry, i);
}

void
redis_model_add (RedisModel *redis, const GArray *batch, gint64 now_ms)
{
  const guint64 clock_ms = now_ms - redis->behind_ms;

  for (guint i = 0; i < batch->len; i++)
    {
      ModelEntry entry = g_array_index (batch, ModelEntry, i);

      if (clock_ms > redis->last.ms)
        redis->last = (WsId){ .ms = clock_ms };
      else
        redis->last.seq++;
      entry.id = redis->last;
      entry.added_ms = now_ms;
      g_array_append_val (redis->entries, entry);
    }

  while (redis->history > 0 && redis->entries->len - redis->first >= redis->history + BLOCK)
    redis->first += BLOCK;
}

void
redis_model_restart (RedisModel *redis, gint64 kept_ms)
{
  guint n = redis->entries->len;

  while (n > redis->first && entry_at (redis, n - 1)->added_ms > kept_ms)
    n--;
  g_array_set_size (redis->entries, n);
  redis->last = n > 0 ? entry_at (redis, n - 1)->id : (WsId){ 0 };
}

redisReply *
redis_model_info (const RedisModel *redis)
{
  const guint n = redis->entries->len;
  g_autoptr (GString) wire = g_string_new (NULL);

  if (n == 0)
    return make_reply ("-ERR no such key\r\n");

  wire_info (wire, n - redis->first, redis->first < n ? &entry_at (redis, redis->first)->id : NULL,
             &redis->last, n);
  return make_reply (wire->str);
}

WsId
redis_model_parse_id (const char *text)
{
  WsId id;

  g_assert_cmpint (sscanf (text, "%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT, &id.ms, &id.seq), ==,
                   2);
  return id;
}

static guint
find_after (const RedisModel *redis, const WsId *id)
{
  guint low = redis->first;
  guint high = redis->entries->len;

  while (low < high)
    {
      const guint middle = low + (high - low) / 2;

      if (ws_id_compare (&entry_at (redis, middle)->id, id) > 0)
        high = middle;
      else
        low = middle + 1;
    }

  return low;
}

redisReply *
redis_model_read (const RedisModel *redis, const char *position, guint count)
{
  g_autoptr (GString) wire = g_string_new (NULL);
  const WsId id = redis_model_parse_id (position);
  const guint begin = find_after (redis, &id);
  const guint end = MIN (begin + count, redis->entries->len);

  if (begin == end)
    return NULL;

  wire_array (wire, end - begin);
  for (guint i = begin; i < end; i++)
    {
      const ModelEntry *entry = entry_at (redis, i);
      g_autofree char *node = model_sender_name (entry->sender);
      g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, entry->number);

      wire_entry (wire, &entry->id, node, entry->sequence, text);
    }
  return make_reply (wire->str);
}
