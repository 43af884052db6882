/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The reading position in the stream. The ordinal of an entry is the number of entries ever added
 * to the stream, up to and including that entry. Ordinals are used to count trimmed entries. */

#include "rd-redis-stream.h"

#include "rd-redis-dedup.h"
#include "ws-utf8.h"

#include <string.h>

#define ENTRY_FIELDS  3
#define PACKED_FORMAT "(b(tt)(tt)(bt)t(b(tt)t)@" RD_REDIS_DEDUP_PACKED_TYPE ")"

/* A parsed entry. Its pointers point into the reply. */
typedef struct
{
  const char *node;
  guint64 sequence;
  RdMessage message;
} Entry;

/* Parsed reply to XINFO STREAM. */
typedef struct
{
  guint64 length;
  WsId first; /* id of the first entry; 0-0: the stream is empty */
  WsId last;  /* id of the newest entry ever added; 0-0: none */
  gboolean has_added;
  guint64 added;   /* number of entries ever added; unknown before Redis 7 */
  guint64 trimmed; /* number of entries removed from the stream; unknown before Redis 7 */
} Info;

struct _RdRedisStream
{
  char *node;          /* owned */
  RdRedisDedup *dedup; /* owned */

  gboolean has_joined;
  WsId joined;   /* if its sender is not in dedup, an entry is new if its id is higher than this */
  WsId position; /* id of the last entry read; moved back after a reconnection */
  WsId last;     /* highest id ever read */
  WsId target;   /* last id of the stream when this connection began to read it */
  guint64 own;   /* see rd_redis_stream_get_own() */

  gboolean has_ordinal;
  guint64 ordinal;   /* number of entries ever added, up to the entry with the id in last */
  WsId counted;      /* id of the last entry read when ordinal was last compared with XINFO */
  guint64 missed;    /* number of entries that were not read, and were not reported yet */
  WsId missed_after; /* if missed > 0: the missed entries have higher ids than this */

  /* The next three fields describe the end of the stream at the last XINFO. */
  gboolean has_end;
  WsId end;
  guint64 end_ordinal;
};

RdRedisStream *
rd_redis_stream_new (const char *node)
{
  RdRedisStream *stream = g_new0 (RdRedisStream, 1);

  stream->node = g_strdup (node);
  stream->dedup = rd_redis_dedup_new ();
  stream->joined.ms = G_MAXUINT64;
  return stream;
}

void
rd_redis_stream_free (RdRedisStream *stream)
{
  rd_redis_dedup_free (stream->dedup);
  g_free (stream->node);
  g_free (stream);
}

void
rd_redis_stream_set_since (RdRedisStream *stream, guint64 since_ms)
{
  if (!stream->has_joined)
    stream->joined.ms = since_ms;
}

/* Parsing */

/* Parses decimal digits; signs and spaces are invalid. */
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

/* Parses an entry id, "<ms>-<seq>". */
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

static gboolean
parse_entry_id (const redisReply *reply, WsId *id)
{
  return reply->type == REDIS_REPLY_ARRAY && reply->elements > 0
         && parse_id (reply->element[0], id);
}

static gboolean
parse_field (const redisReply *field, const redisReply *value, Entry *entry)
{
  if (field->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING)
    return FALSE;

  if (g_str_equal (field->str, "node"))
    {
      entry->node = value->str;
      return rd_redis_is_node_name (value->str, value->len);
    }
  if (g_str_equal (field->str, "seq"))
    return parse_number (value->str, value->len, &entry->sequence);

  entry->message.data = (const guint8 *) value->str;
  entry->message.size = value->len;
  entry->message.opcode = g_str_equal (field->str, "text") ? WS_OPCODE_TEXT : WS_OPCODE_BINARY;
  return entry->message.opcode == WS_OPCODE_TEXT
           ? ws_utf8_is_text (entry->message.data, entry->message.size)
           : g_str_equal (field->str, "binary");
}

/* Parses an entry. Returns: FALSE if its fields are not exactly those of a message. */
static gboolean
parse_entry (const redisReply *reply, Entry *entry)
{
  const redisReply *fields;

  *entry = (Entry){ .message.topic = RD_TOPIC_BROADCAST };
  if (reply->elements != 2)
    return FALSE;

  fields = reply->element[1];
  if (fields->type != REDIS_REPLY_ARRAY || fields->elements != 2 * ENTRY_FIELDS)
    return FALSE;

  for (gsize i = 0; i < fields->elements; i += 2)
    if (!parse_field (fields->element[i], fields->element[i + 1], entry))
      return FALSE;

  /* All three values are set only if each of the three fields occurs once. */
  return entry->node != NULL && entry->sequence > 0 && entry->message.data != NULL;
}

/* Returns: (nullable): the value of @name in [field, value, …]; NULL if it is absent
 * or not of @type. */
static const redisReply *
find_value (const redisReply *fields, const char *name, int type)
{
  for (gsize i = 0; i + 1 < fields->elements; i += 2)
    if (fields->element[i]->type == REDIS_REPLY_STRING
        && g_str_equal (fields->element[i]->str, name))
      return fields->element[i + 1]->type == type ? fields->element[i + 1] : NULL;

  return NULL;
}

static gboolean
parse_info (const redisReply *reply, Info *info)
{
  const redisReply *length;
  const redisReply *added;
  const redisReply *first;
  const redisReply *last;

  *info = (Info){ 0 };
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
      info->trimmed = info->added - info->length;
    }
  return first == NULL || parse_entry_id (first, &info->first);
}

/* Gaps */

/* Sets the ordinal of the last entry read. If it is higher than expected, counts the difference as
 * missed entries, which find_missed() confirms. */
static void
set_ordinal (RdRedisStream *stream, guint64 ordinal)
{
  if (stream->has_ordinal && ordinal > stream->ordinal)
    {
      if (stream->missed == 0)
        stream->missed_after = stream->counted;
      stream->missed += ordinal - stream->ordinal;
    }
  stream->has_ordinal = TRUE;
  stream->ordinal = ordinal;
  stream->counted = stream->last;
}

static gboolean
is_lost (const RdRedisStream *stream, const Info *info)
{
  return ws_id_compare (&info->last, &stream->last) < 0
         || (stream->has_ordinal && info->has_added && info->added < stream->ordinal);
}

/* Returns: whether all entries in the stream are newer than the last entry read. */
static gboolean
begins_after_last (const RdRedisStream *stream, const Info *info)
{
  return info->length == 0 || ws_id_compare (&info->first, &stream->last) > 0;
}

/* Returns: whether an unknown number of unread entries may have been trimmed. */
static gboolean
may_have_missed (const RdRedisStream *stream, const Info *info)
{
  return !(stream->has_ordinal && info->has_added) && (stream->last.ms > 0 || stream->last.seq > 0)
         && ws_id_compare (&info->last, &stream->last) > 0 && begins_after_last (stream, info);
}

/* Counts entries that were trimmed before they were read: the ordinal from XINFO minus the ordinal
 * counted while reading. If a new stream has replaced the old one unnoticed, that difference is
 * wrong. So the count is limited to the number of entries ever removed from the current stream.
 *
 * The difference is also wrong if Redis has crashed while it wrote a transaction to its append-only
 * file: Redis discards the transaction at the first start, but executes it at the second, which
 * adds entries with old ids and trims others. Trimming removes the oldest entries first. So none
 * were missed if an entry before the missed ones still exists. */
static void
find_missed (RdRedisStream *stream, const Info *info, RdRedisGap *gap)
{
  if (info->has_added && ws_id_compare (&info->last, &stream->last) == 0)
    set_ordinal (stream, info->added);
  else if (info->has_added && begins_after_last (stream, info) && info->trimmed > stream->ordinal)
    set_ordinal (stream, info->trimmed);

  if (info->length > 0 && ws_id_compare (&info->first, &stream->missed_after) <= 0)
    stream->missed = 0;
  gap->missed = MIN (stream->missed, info->trimmed);
  gap->trimmed |= gap->missed > 0;
  stream->missed = 0;
}

static void
set_end (RdRedisStream *stream, const Info *info)
{
  stream->has_end = info->has_added;
  stream->end = info->last;
  stream->end_ordinal = info->added;
}

/* Beginning to read */

static WsId
older (const WsId *a, const WsId *b)
{
  return ws_id_compare (a, b) < 0 ? *a : *b;
}

/* Begins to read the stream for the first time. Returns: whether entries that were added after the
 * start of this node may have been trimmed. */
static gboolean
join (RdRedisStream *stream, const Info *info)
{
  gboolean is_at_end;
  gboolean is_at_beginning;

  stream->has_joined = TRUE;
  stream->joined = older (&stream->joined, &info->last);
  stream->last = stream->joined;
  stream->position = stream->joined;

  is_at_end = ws_id_compare (&stream->last, &info->last) == 0;
  is_at_beginning = !is_at_end && begins_after_last (stream, info);
  stream->has_ordinal = info->has_added && (is_at_end || is_at_beginning);
  stream->ordinal = is_at_end ? info->added : info->trimmed;
  stream->counted = stream->last;
  return is_at_beginning && info->trimmed > 0;
}

/* Begins to read a new stream at its start; the ids may be smaller than before. If the sender of an
 * entry is in the dedup table, the entry is new if its sequence number is higher than the last one
 * delivered from that sender; otherwise it is new if its id is higher than stream->joined. */
static void
start_over (RdRedisStream *stream, const Info *info)
{
  stream->joined = older (&stream->joined, &info->last);
  stream->last = (WsId){ 0 };
  stream->position = (WsId){ 0 };
  stream->counted = (WsId){ 0 };
  stream->missed = 0;
  stream->has_ordinal = info->has_added;
  stream->ordinal = info->trimmed;
}

static void
go_back (RdRedisStream *stream)
{
  stream->position = (WsId){ 0 };
  if (stream->last.ms > RD_REDIS_REREAD_MS)
    stream->position.ms = stream->last.ms - RD_REDIS_REREAD_MS;
}

gboolean
rd_redis_stream_resume (RdRedisStream *stream, const redisReply *reply, RdRedisGap *gap)
{
  Info info;

  *gap = (RdRedisGap){ 0 };
  if (!parse_info (reply, &info))
    return FALSE;

  stream->own = 0;
  stream->target = info.last;
  gap->lost = stream->has_joined && is_lost (stream, &info);
  if (!stream->has_joined)
    {
      gap->trimmed = join (stream, &info);
    }
  else if (gap->lost)
    {
      start_over (stream, &info);
    }
  else
    {
      gap->trimmed = may_have_missed (stream, &info);
      find_missed (stream, &info, gap);
      go_back (stream);
    }

  set_end (stream, &info);
  return TRUE;
}

gboolean
rd_redis_stream_check (RdRedisStream *stream, const redisReply *reply, RdRedisGap *gap)
{
  Info info;

  *gap = (RdRedisGap){ 0 };
  if (!parse_info (reply, &info))
    return FALSE;

  gap->lost = is_lost (stream, &info);
  if (!gap->lost)
    {
      find_missed (stream, &info, gap);
      set_end (stream, &info);
    }
  return TRUE;
}

gboolean
rd_redis_stream_has_caught_up (const RdRedisStream *stream)
{
  return ws_id_compare (&stream->position, &stream->target) >= 0;
}

void
rd_redis_stream_format_position (const RdRedisStream *stream, char out[WS_ID_STRING_SIZE])
{
  ws_id_format (&stream->position, out);
}

/* Entries */

gboolean
rd_redis_stream_is_too_large (const redisReply *entry)
{
  if (entry->type != REDIS_REPLY_ARRAY)
    return entry->type == REDIS_REPLY_ERROR;

  for (gsize i = 0; i < entry->elements; i++)
    if (rd_redis_stream_is_too_large (entry->element[i]))
      return TRUE;
  return FALSE;
}

static void
move_to (RdRedisStream *stream, const WsId *id)
{
  const gboolean was_before_end = ws_id_compare (&stream->last, &stream->end) < 0;
  const int past_end = ws_id_compare (id, &stream->end);

  stream->position = *id;
  if (ws_id_compare (id, &stream->last) <= 0)
    return;

  stream->last = *id;
  stream->ordinal++;
  if (stream->has_end && was_before_end && past_end >= 0)
    set_ordinal (stream, stream->end_ordinal + (past_end > 0));
}

static gboolean
is_new (RdRedisStream *stream, const Entry *entry, const WsId *id)
{
  const guint64 delivered = rd_redis_dedup_find (stream->dedup, entry->node);

  return delivered > 0 ? entry->sequence > delivered : ws_id_compare (id, &stream->joined) > 0;
}

RdRedisEntryKind
rd_redis_stream_take (RdRedisStream *stream, const redisReply *reply, RdMessage *message)
{
  Entry entry;
  WsId removed;
  WsId id;

  if (!parse_entry_id (reply, &id) || ws_id_compare (&id, &stream->position) <= 0)
    return RD_REDIS_ENTRY_INVALID;

  move_to (stream, &id);
  if (rd_redis_stream_is_too_large (reply))
    return RD_REDIS_ENTRY_TOO_LARGE;
  if (!parse_entry (reply, &entry))
    return RD_REDIS_ENTRY_FOREIGN;

  if (g_str_equal (entry.node, stream->node))
    {
      stream->own = MAX (stream->own, entry.sequence);
      return RD_REDIS_ENTRY_OWN;
    }
  if (!is_new (stream, &entry, &id))
    return RD_REDIS_ENTRY_REPEATED;

  /* When dedup drops a node, the entries delivered from that node must not count as new again. */
  if (rd_redis_dedup_set (stream->dedup, entry.node, entry.sequence, &id, &removed)
      && ws_id_compare (&removed, &stream->joined) > 0)
    stream->joined = removed;
  *message = entry.message;
  return RD_REDIS_ENTRY_NEW;
}

guint64
rd_redis_stream_get_own (const RdRedisStream *stream)
{
  return stream->own;
}

GVariant *
rd_redis_stream_pack (const RdRedisStream *stream)
{
  return g_variant_new (PACKED_FORMAT, stream->has_joined, stream->joined.ms, stream->joined.seq,
                        stream->last.ms, stream->last.seq, stream->has_ordinal, stream->ordinal,
                        stream->missed, stream->has_end, stream->end.ms, stream->end.seq,
                        stream->end_ordinal, rd_redis_dedup_pack (stream->dedup));
}

gboolean
rd_redis_stream_unpack (RdRedisStream *stream, GVariant *packed)
{
  g_autoptr (GVariant) dedup = NULL;

  g_variant_get (packed, PACKED_FORMAT, &stream->has_joined, &stream->joined.ms,
                 &stream->joined.seq, &stream->last.ms, &stream->last.seq, &stream->has_ordinal,
                 &stream->ordinal, &stream->missed, &stream->has_end, &stream->end.ms,
                 &stream->end.seq, &stream->end_ordinal, &dedup);
  return rd_redis_dedup_unpack (stream->dedup, dedup);
}
