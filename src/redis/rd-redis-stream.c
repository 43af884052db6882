/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The stream as this worker reads it: which entries are new to it, where it stands, and what was
 * cut off before it got there. That is reckoned from ordinals: how many entries were ever added,
 * the last one we read included, ours or foreign. How entries get here is for others to know. */

#include "rd-redis-stream.h"

#include "rd-redis-entry.h"

#define PACKED_FORMAT "(b(tt)(tt)(bt)t(b(tt)t)@" RD_REDIS_SENDERS_PACKED_TYPE ")"

struct _RdRedisStream
{
  char *node;              /* owned */
  RdRedisSenders *senders; /* owned */

  gboolean has_joined;
  WsId joined;   /* of unknown senders, only what is behind it is for us */
  WsId position; /* to read behind; in a pass it may be before last */
  WsId last;     /* the greatest that was read */
  WsId goal;     /* the end when this pass began */
  guint64 own;

  gboolean has_ordinal;
  guint64 ordinal; /* of last, as far as was noticed */
  guint64 missed;  /* noticed, and not told yet */

  /* The end of the stream when XINFO looked last */
  gboolean has_end;
  WsId end;
  guint64 end_ordinal;
};

RdRedisStream *
rd_redis_stream_new (const char *node)
{
  RdRedisStream *stream = g_new0 (RdRedisStream, 1);

  stream->node = g_strdup (node);
  stream->senders = rd_redis_senders_new ();
  stream->joined.ms = G_MAXUINT64;
  return stream;
}

void
rd_redis_stream_free (RdRedisStream *stream)
{
  rd_redis_senders_free (stream->senders);
  g_free (stream->node);
  g_free (stream);
}

void
rd_redis_stream_set_since (RdRedisStream *stream, guint64 since_ms)
{
  if (!stream->has_joined)
    stream->joined.ms = since_ms;
}

static WsId
older (const WsId *a, const WsId *b)
{
  return ws_id_compare (a, b) < 0 ? *a : *b;
}

/* The ordinal of what was read last is this. What was not read on the way to it was cut off. */
static void
set_ordinal (RdRedisStream *stream, guint64 ordinal)
{
  if (stream->has_ordinal && ordinal > stream->ordinal)
    stream->missed += ordinal - stream->ordinal;
  stream->has_ordinal = TRUE;
  stream->ordinal = ordinal;
}

static gboolean
is_lost (const RdRedisStream *stream, const RdRedisStreamInfo *info)
{
  return ws_id_compare (&info->last, &stream->last) < 0
         || (stream->has_ordinal && info->has_added && info->added < stream->ordinal);
}

/* Whether nothing is left that is not behind what we have read. */
static gboolean
begins_behind_us (const RdRedisStream *stream, const RdRedisStreamInfo *info)
{
  return info->length == 0 || ws_id_compare (&info->first, &stream->last) > 0;
}

/* Whether entries may have been cut off unread that cannot be counted. */
static gboolean
may_have_missed (const RdRedisStream *stream, const RdRedisStreamInfo *info)
{
  return !(stream->has_ordinal && info->has_added) && (stream->last.ms > 0 || stream->last.seq > 0)
         && ws_id_compare (&info->last, &stream->last) > 0 && begins_behind_us (stream, info);
}

/* What was cut off, in a stream that is the one we read before; if it is not, and nobody noticed,
 * then ordinals mislead: more than is gone cannot have been missed. */
static void
find_missed (RdRedisStream *stream, const RdRedisStreamInfo *info, RdRedisAway *away)
{
  if (info->has_added && ws_id_compare (&info->last, &stream->last) == 0)
    set_ordinal (stream, info->added);
  else if (info->has_added && begins_behind_us (stream, info) && info->cut > stream->ordinal)
    set_ordinal (stream, info->cut);

  away->missed = MIN (stream->missed, info->cut);
  away->trimmed = away->missed > 0;
  stream->missed = 0;
}

static void
note_end (RdRedisStream *stream, const RdRedisStreamInfo *info)
{
  stream->has_end = info->has_added;
  stream->end = info->last;
  stream->end_ordinal = info->added;
}

/* Returns: whether what was stored since this worker began may have been cut off. */
static gboolean
join (RdRedisStream *stream, const RdRedisStreamInfo *info)
{
  gboolean is_at_end;
  gboolean is_at_beginning;

  stream->has_joined = TRUE;
  stream->joined = older (&stream->joined, &info->last);
  stream->last = stream->joined;
  stream->position = stream->joined;

  is_at_end = ws_id_compare (&stream->last, &info->last) == 0;
  is_at_beginning = !is_at_end && begins_behind_us (stream, info);
  stream->has_ordinal = info->has_added && (is_at_end || is_at_beginning);
  stream->ordinal = is_at_end ? info->added : info->cut;
  return is_at_beginning && info->cut > 0;
}

/* Another stream is there: all of it is to be read. What of it we had is known by its senders; of
 * the unknown ones, by ids that may have gone back. */
static void
start_over (RdRedisStream *stream, const RdRedisStreamInfo *info)
{
  stream->joined = older (&stream->joined, &info->last);
  stream->last = (WsId){ 0 };
  stream->position = (WsId){ 0 };
  stream->missed = 0;
  stream->has_ordinal = info->has_added;
  stream->ordinal = info->cut;
}

static void
go_back (RdRedisStream *stream)
{
  stream->position = (WsId){ 0 };
  if (stream->last.ms > RD_REDIS_REREAD_MS)
    stream->position.ms = stream->last.ms - RD_REDIS_REREAD_MS;
}

gboolean
rd_redis_stream_resume (RdRedisStream *stream, const redisReply *reply, RdRedisAway *away)
{
  RdRedisStreamInfo info;

  *away = (RdRedisAway){ 0 };
  if (!rd_redis_stream_info_parse (reply, &info))
    return FALSE;

  stream->own = 0;
  stream->goal = info.last;
  away->lost = stream->has_joined && is_lost (stream, &info);
  if (!stream->has_joined)
    {
      away->trimmed = join (stream, &info);
    }
  else if (away->lost)
    {
      start_over (stream, &info);
    }
  else
    {
      const gboolean may_have = may_have_missed (stream, &info);

      find_missed (stream, &info, away);
      away->trimmed |= may_have;
      go_back (stream);
    }

  note_end (stream, &info);
  return TRUE;
}

gboolean
rd_redis_stream_look (RdRedisStream *stream, const redisReply *reply, RdRedisAway *away)
{
  RdRedisStreamInfo info;

  *away = (RdRedisAway){ 0 };
  if (!rd_redis_stream_info_parse (reply, &info))
    return FALSE;

  away->lost = is_lost (stream, &info);
  if (away->lost)
    return TRUE;

  find_missed (stream, &info, away);
  note_end (stream, &info);
  return TRUE;
}

gboolean
rd_redis_stream_has_caught_up (const RdRedisStream *stream)
{
  return ws_id_compare (&stream->position, &stream->goal) >= 0;
}

void
rd_redis_stream_format_position (const RdRedisStream *stream, char out[WS_ID_STRING_SIZE])
{
  ws_id_format (&stream->position, out);
}

static void
move_on (RdRedisStream *stream, const WsId *id)
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
is_new (RdRedisStream *stream, const RdRedisEntry *entry, const WsId *id)
{
  const guint64 had = rd_redis_senders_find (stream->senders, entry->node);

  return had > 0 ? entry->sequence > had : ws_id_compare (id, &stream->joined) > 0;
}

static void
note_taken (RdRedisStream *stream, const RdRedisEntry *entry, const WsId *id)
{
  WsId forgotten;

  if (rd_redis_senders_note (stream->senders, entry->node, entry->sequence, id, &forgotten)
      && ws_id_compare (&forgotten, &stream->joined) > 0)
    stream->joined = forgotten; /* what was taken of it is not taken for that of a newcomer */
}

RdRedisEntryKind
rd_redis_stream_take (RdRedisStream *stream, const redisReply *reply, RdMessage *message)
{
  RdRedisEntry entry;
  WsId id;

  if (!rd_redis_entry_parse_id (reply, &id) || ws_id_compare (&id, &stream->position) <= 0)
    return RD_REDIS_BROKEN;

  move_on (stream, &id);
  if (!rd_redis_entry_parse (reply, &entry))
    return RD_REDIS_FOREIGN;

  if (g_str_equal (entry.node, stream->node))
    {
      stream->own = MAX (stream->own, entry.sequence);
      return RD_REDIS_OWN;
    }
  if (!is_new (stream, &entry, &id))
    return RD_REDIS_REPEATED;

  note_taken (stream, &entry, &id);
  *message = (RdMessage){ .topic = RD_TOPIC_BROADCAST,
                          .opcode = entry.opcode,
                          .data = entry.data,
                          .size = entry.size };
  return RD_REDIS_TAKE;
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
                        stream->end_ordinal, rd_redis_senders_pack (stream->senders));
}

gboolean
rd_redis_stream_unpack (RdRedisStream *stream, GVariant *packed)
{
  g_autoptr (GVariant) senders = NULL;

  g_variant_get (packed, PACKED_FORMAT, &stream->has_joined, &stream->joined.ms,
                 &stream->joined.seq, &stream->last.ms, &stream->last.seq, &stream->has_ordinal,
                 &stream->ordinal, &stream->missed, &stream->has_end, &stream->end.ms,
                 &stream->end.seq, &stream->end_ordinal, &senders);
  return rd_redis_senders_unpack (stream->senders, senders);
}
