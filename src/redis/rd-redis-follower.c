/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The follower: asks for the next entries of the stream, hands them on, and asks again. Reads no
 * faster than the clients here take it in, within reason: a crowd that is served well must not be
 * thrown off the log by what piled up while Redis was away. What an entry means is the stream's. */

#include "rd-redis-follower.h"

#include "rd-redis-entry.h"

#include <glib/gi18n.h>

#define BLOCK_MS "2000" /* so that a server that lives is heard in time */

#define COUNT_MAX 512 /* entries */

/* While there is more to read, it is looked so often whether the stream was faster than we are. */
#define LOOK_US G_TIME_SPAN_SECOND

/* While there is not: whether it was, or whether another took its place, of which nothing would
 * ever come: its ids may be behind those that we read. */
#define LOOK_LIVE_US (10 * G_TIME_SPAN_SECOND)

/* While there is more to read, clients that are behind are waited for: in all for so long, and for
 * a tenth of the time that went by. */
#define ROOM_POLL_MS     2
#define PATIENCE_MAX_US  (5 * G_TIME_SPAN_SECOND)
#define PATIENCE_PORTION 10

struct _RdRedisFollower
{
  RdRedis *redis;                      /* unowned: outlives us */
  RdRedisStream *stream;               /* unowned: outlives us */
  char *key;                           /* owned */
  const RdRedisFollowerEvents *events; /* unowned: outlives us */
  gpointer user_data;

  gsize max_bytes;   /* to be taken at once; asked for, as far as that can be guessed */
  guint first_count; /* entries that have no more, however large they are */

  gboolean is_live; /* the end was reached */
  guint count;      /* entries to ask for at once */
  gint64 patience_us;
  gint64 counted_us; /* monotonic: when patience was reckoned last */
  gint64 looked_us;  /* monotonic: when the stream was looked at last */
  gint64 began_us;   /* monotonic: when this worker began */
  guint wait_id;
};

RdRedisFollower *
rd_redis_follower_new (RdRedis *redis,
                       RdRedisStream *stream,
                       const char *key,
                       gsize max_bytes,
                       gsize max_message,
                       const RdRedisFollowerEvents *events,
                       gpointer user_data)
{
  RdRedisFollower *follower = g_new0 (RdRedisFollower, 1);

  follower->redis = redis;
  follower->stream = stream;
  follower->key = g_strdup (key);
  follower->max_bytes = max_bytes;
  follower->first_count = CLAMP (max_bytes / max_message, 1, COUNT_MAX);
  follower->events = events;
  follower->user_data = user_data;
  follower->patience_us = PATIENCE_MAX_US;
  follower->began_us = follower->counted_us = g_get_monotonic_time ();
  return follower;
}

void
rd_redis_follower_free (RdRedisFollower *follower)
{
  g_clear_handle_id (&follower->wait_id, g_source_remove);
  g_free (follower->key);
  g_free (follower);
}

void
rd_redis_follower_set_began_us (RdRedisFollower *follower, gint64 began_us)
{
  follower->began_us = began_us;
}

gint64
rd_redis_follower_get_began_us (const RdRedisFollower *follower)
{
  return follower->began_us;
}

/* The connection is of no use for us: another is tried. @error: (transfer full). */
static void
give_up (RdRedisFollower *follower, GError *error)
{
  g_autoptr (GError) reason = error;

  /* Translators: the name of a key in Redis; what is wrong with it follows */
  g_prefix_error (&reason, _ ("the stream %s cannot be read: "), follower->key);
  rd_redis_fail (follower->redis, reason);
}

/* What came is not what XREAD or XINFO return. */
static void
give_up_reply (RdRedisFollower *follower, const redisReply *reply)
{
  give_up (follower, reply->type == REDIS_REPLY_ERROR
                       ? rd_redis_error_new_reply (reply)
                       : g_error_new_literal (RD_REDIS_ERROR, RD_REDIS_ERROR_PROTOCOL,
                                              _ ("the answer is no list of entries")));
}

static void on_entries (const redisReply *reply, gpointer user_data);

static void
ask (RdRedisFollower *follower)
{
  RdRedisLink *link = rd_redis_get_link (follower->redis, RD_REDIS_CONSUMER);
  char position[WS_ID_STRING_SIZE];
  char count[16];

  g_snprintf (count, sizeof count, "%u", follower->count);
  rd_redis_stream_format_position (follower->stream, position);
  if (follower->is_live)
    rd_redis_link_call_words (link, on_entries, follower, "XREAD", "COUNT", count, "BLOCK",
                              BLOCK_MS, "STREAMS", follower->key, position, NULL);
  else
    rd_redis_link_call_words (link, on_entries, follower, "XREAD", "COUNT", count, "STREAMS",
                              follower->key, position, NULL);
}

static void on_info (const redisReply *reply, gpointer user_data);
static void on_look (const redisReply *reply, gpointer user_data);

static void
look (RdRedisFollower *follower, RdRedisReplyFunc func)
{
  RdRedisLink *link = rd_redis_get_link (follower->redis, RD_REDIS_CONSUMER);

  follower->looked_us = g_get_monotonic_time ();
  rd_redis_link_call_words (link, func, follower, "XINFO", "STREAM", follower->key, NULL);
}

static void
go_on (RdRedisFollower *follower, gint64 look_us)
{
  if (g_get_monotonic_time () - follower->looked_us >= look_us)
    look (follower, on_look);
  else
    ask (follower);
}

/* Returns: whether clients that are behind are to be waited for. */
static gboolean
must_wait (RdRedisFollower *follower)
{
  const gint64 now_us = g_get_monotonic_time ();
  const gint64 passed_us = now_us - follower->counted_us;
  const gboolean has_waited = follower->wait_id != 0;

  follower->counted_us = now_us;
  if (has_waited)
    follower->patience_us -= passed_us;
  else
    follower->patience_us = MIN (follower->patience_us + passed_us / PATIENCE_PORTION,
                                 PATIENCE_MAX_US);
  return follower->patience_us > 0 && !follower->events->has_room (follower->user_data);
}

static gboolean
on_wait (gpointer user_data)
{
  RdRedisFollower *follower = user_data;

  if (must_wait (follower))
    return G_SOURCE_CONTINUE;

  follower->wait_id = 0;
  go_on (follower, LOOK_US);
  return G_SOURCE_REMOVE;
}

static void
go_on_when_there_is_room (RdRedisFollower *follower)
{
  if (must_wait (follower))
    follower->wait_id = g_timeout_add (ROOM_POLL_MS, on_wait, follower);
  else
    go_on (follower, LOOK_US);
}

/* Returns: FALSE: this is no Redis. */
static gboolean
take (RdRedisFollower *follower, const redisReply *entry)
{
  RdMessage message = { .topic = RD_TOPIC_BROADCAST };
  const RdRedisEntryKind kind = rd_redis_stream_take (follower->stream, entry, &message);

  if (kind == RD_REDIS_BROKEN)
    return FALSE;

  if (kind == RD_REDIS_TAKE)
    follower->events->message (&message, follower->user_data);
  else
    follower->events->skipped (kind, follower->user_data);
  return TRUE;
}

/* Takes as many as the clients are sent at once: the rest is asked for again. @bytes (out): their
 * size. Returns: how many; 0: this is no Redis. */
static gsize
take_some (RdRedisFollower *follower, const redisReply *entries, gsize *bytes)
{
  gsize n = 0;

  for (*bytes = 0; n < entries->elements && *bytes < follower->max_bytes; n++)
    {
      if (!take (follower, entries->element[n]))
        return 0;
      *bytes += rd_redis_entry_get_size (entries->element[n]);
    }

  return n;
}

/* Returns: (nullable): the list of entries in what XREAD of one stream returns,
 * [[key, [entry, …]]]. */
static const redisReply *
find_entries (const redisReply *reply)
{
  const redisReply *stream;

  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1)
    return NULL;

  stream = reply->element[0];
  if (stream->type != REDIS_REPLY_ARRAY || stream->elements != 2
      || stream->element[1]->type != REDIS_REPLY_ARRAY || stream->element[1]->elements == 0)
    return NULL;

  return stream->element[1];
}

/* At first nobody knows how large they are; then they are taken to be as large as the last ones. */
static void
adapt_count (RdRedisFollower *follower, gsize n_entries, gsize bytes)
{
  const gsize size = MAX (bytes / n_entries, 1);

  follower->count = CLAMP (follower->max_bytes / size, 1, MIN (2 * follower->count, COUNT_MAX));
}

/* All that there was when this pass began was read. */
static void
become_live (RdRedisFollower *follower)
{
  if (follower->is_live)
    return;

  follower->is_live = TRUE;
  follower->events->caught_up (follower->user_data);
}

static void
on_entries (const redisReply *reply, gpointer user_data)
{
  RdRedisFollower *follower = user_data;
  const redisReply *entries;
  gboolean has_more;
  gsize bytes;
  gsize n;

  if (follower->is_live) /* else it is not known yet what Redis has kept */
    follower->events->heard (follower->user_data);
  if (reply->type == REDIS_REPLY_NIL)
    {
      become_live (follower);
      go_on (follower, LOOK_LIVE_US);
      return;
    }

  entries = find_entries (reply);
  if (entries == NULL)
    {
      give_up_reply (follower, reply);
      return;
    }

  n = take_some (follower, entries, &bytes);
  if (n == 0)
    {
      give_up (follower, g_error_new_literal (RD_REDIS_ERROR, RD_REDIS_ERROR_PROTOCOL,
                                              _ ("its entries have no valid ids")));
      return;
    }

  has_more = n < entries->elements || n >= follower->count;
  adapt_count (follower, n, bytes);
  /* others may write faster than we read: to wait for an end would be to wait for ever */
  if (!has_more || rd_redis_stream_has_caught_up (follower->stream))
    become_live (follower);
  if (has_more)
    go_on_when_there_is_room (follower);
  else
    go_on (follower, LOOK_LIVE_US);
}

static void
tell_away (RdRedisFollower *follower, const RdRedisAway *away)
{
  if (away->lost || away->trimmed)
    follower->events->away (away, follower->user_data);
}

/* By the server's clock, which names the entries. One that may not be asked the time tells it not:
 * then we begin at the end of the stream. */
static void
on_time (const redisReply *reply, gpointer user_data)
{
  RdRedisFollower *follower = user_data;
  const gint64 passed_us = g_get_monotonic_time () - follower->began_us;

  if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2
      && reply->element[0]->type == REDIS_REPLY_STRING
      && reply->element[1]->type == REDIS_REPLY_STRING)
    {
      const guint64 s = g_ascii_strtoull (reply->element[0]->str, NULL, 10);
      const guint64 us = g_ascii_strtoull (reply->element[1]->str, NULL, 10);

      rd_redis_stream_set_since (follower->stream, (s * G_USEC_PER_SEC + us - passed_us) / 1000);
    }
}

static void
on_info (const redisReply *reply, gpointer user_data)
{
  RdRedisFollower *follower = user_data;
  RdRedisAway away;

  if (!rd_redis_stream_resume (follower->stream, reply, &away))
    {
      give_up_reply (follower, reply);
      return;
    }

  tell_away (follower, &away);
  ask (follower);
}

static void
on_look (const redisReply *reply, gpointer user_data)
{
  RdRedisFollower *follower = user_data;
  RdRedisAway away;

  if (!rd_redis_stream_look (follower->stream, reply, &away))
    {
      give_up_reply (follower, reply);
      return;
    }
  if (away.lost)
    {
      /* what of ours is there has to be found out too, as after any absence */
      give_up (follower, g_error_new_literal (RD_REDIS_ERROR, RD_REDIS_ERROR_REPLY,
                                              _ ("it has lost what was in it")));
      return;
    }

  tell_away (follower, &away);
  ask (follower);
}

void
rd_redis_follower_start (RdRedisFollower *follower)
{
  follower->count = follower->first_count;
  rd_redis_link_call_words (rd_redis_get_link (follower->redis, RD_REDIS_CONSUMER), on_time,
                            follower, "TIME", NULL);
  look (follower, on_info);
}

void
rd_redis_follower_stop (RdRedisFollower *follower)
{
  follower->is_live = FALSE;
  g_clear_handle_id (&follower->wait_id, g_source_remove);
}
