/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The stream consumer: runs XREAD in a loop. During a catch-up it waits for slow clients, for a
 * limited time, so that the many missed messages do not overrun them. */

#include "rd-redis-consumer.h"

#include "rd-redis-protocol.h"

#define BLOCK_MS  "2000" /* maximum time that XREAD waits for an entry */
#define COUNT_MAX 512    /* maximum number of entries per XREAD */

/* Intervals at which XINFO is sent, during and after a catch-up. XINFO reveals trimmed entries and
 * a new stream with smaller ids, whose entries XREAD would not return. */
#define CHECK_US      G_TIME_SPAN_SECOND
#define CHECK_LIVE_US (10 * G_TIME_SPAN_SECOND)

/* The time budget for waiting for slow clients never exceeds WAIT_MAX_US. While the consumer is not
 * waiting, a tenth of the elapsed time is added to the budget. */
#define ROOM_POLL_MS     2
#define WAIT_MAX_US      (5 * G_TIME_SPAN_SECOND)
#define WAIT_REFILL_PART 10

struct _RdRedisConsumer
{
  RdRedis *redis;                      /* unowned: outlives us */
  RdRedisStream *stream;               /* unowned: outlives us */
  const RdRedisBusOptions *options;    /* unowned: outlives us */
  const RdRedisConsumerEvents *events; /* unowned: outlives us */
  gpointer user_data;

  gsize max_bytes; /* approximate maximum total size of entries per XREAD */

  gboolean has_begun; /* XINFO was answered on this connection */
  gboolean is_live;   /* the catch-up of this connection is complete */
  guint count;        /* number of entries that the next XREAD requests */
  gint64 wait_us;     /* time left to wait for slow clients */
  gint64 waited_us;   /* monotonic: last change of wait_us */
  gint64 checked_us;  /* monotonic: when XINFO was last sent */
  gint64 began_us;    /* monotonic: start time of this node */
  guint wait_id;
};

RdRedisConsumer *
rd_redis_consumer_new (RdRedis *redis,
                       RdRedisStream *stream,
                       const RdRedisBusOptions *options,
                       const RdRedisConsumerEvents *events,
                       gpointer user_data)
{
  RdRedisConsumer *consumer = g_new0 (RdRedisConsumer, 1);

  consumer->redis = redis;
  consumer->stream = stream;
  consumer->options = options;
  consumer->max_bytes = MIN (options->batch_size, RD_REDIS_REPLY_MAX / 2);
  consumer->events = events;
  consumer->user_data = user_data;
  consumer->wait_us = WAIT_MAX_US;
  consumer->waited_us = g_get_monotonic_time ();
  return consumer;
}

void
rd_redis_consumer_free (RdRedisConsumer *consumer)
{
  g_clear_handle_id (&consumer->wait_id, g_source_remove);
  g_free (consumer);
}

/* Closes the connection. The reason is @reply (nullable) if it is an error, otherwise @message. */
static void
fail (RdRedisConsumer *consumer, const redisReply *reply, const char *message)
{
  g_autoptr (GError) error = reply != NULL && reply->type == REDIS_REPLY_ERROR
                               ? rd_redis_error_new_reply (reply)
                               : g_error_new_literal (RD_REDIS_ERROR, RD_REDIS_ERROR_PROTOCOL,
                                                      message);

  g_prefix_error (&error, "cannot read the stream " RD_REDIS_STREAM_KEY ": ");
  rd_redis_fail (consumer->redis, error);
}

static void on_entries (const redisReply *reply, gpointer user_data);
static void on_info (const redisReply *reply, gpointer user_data);

static void
send_read (RdRedisConsumer *consumer)
{
  RdRedisLink *link = rd_redis_get_link (consumer->redis, RD_REDIS_CONSUMER);
  char position[WS_ID_STRING_SIZE];
  char count[16];

  g_snprintf (count, sizeof count, "%u", consumer->count);
  rd_redis_stream_format_position (consumer->stream, position);
  if (consumer->is_live)
    rd_redis_link_call_words (link, on_entries, consumer, "XREAD", "COUNT", count, "BLOCK",
                              BLOCK_MS, "STREAMS", RD_REDIS_STREAM_KEY, position, NULL);
  else
    rd_redis_link_call_words (link, on_entries, consumer, "XREAD", "COUNT", count, "STREAMS",
                              RD_REDIS_STREAM_KEY, position, NULL);
}

static void
send_info (RdRedisConsumer *consumer)
{
  consumer->checked_us = g_get_monotonic_time ();
  rd_redis_link_call_words (rd_redis_get_link (consumer->redis, RD_REDIS_CONSUMER), on_info,
                            consumer, "XINFO", "STREAM", RD_REDIS_STREAM_KEY, NULL);
}

static void
read_on (RdRedisConsumer *consumer, gint64 check_us)
{
  if (g_get_monotonic_time () - consumer->checked_us >= check_us)
    send_info (consumer);
  else
    send_read (consumer);
}

/* Waiting for clients */

static gboolean
must_wait (RdRedisConsumer *consumer)
{
  const gint64 now_us = g_get_monotonic_time ();
  const gint64 passed_us = now_us - consumer->waited_us;
  const gboolean has_waited = consumer->wait_id != 0;

  consumer->waited_us = now_us;
  if (has_waited)
    consumer->wait_us -= passed_us;
  else
    consumer->wait_us = MIN (consumer->wait_us + passed_us / WAIT_REFILL_PART, WAIT_MAX_US);
  return consumer->wait_us > 0 && !consumer->options->has_room (consumer->options->room_data);
}

static void
read_on_when_there_is_room (gpointer user_data)
{
  RdRedisConsumer *consumer = user_data;
  const gboolean waits = must_wait (consumer);

  consumer->wait_id = waits
                        ? g_timeout_add_once (ROOM_POLL_MS, read_on_when_there_is_room, consumer)
                        : 0;
  if (!waits)
    read_on (consumer, CHECK_US);
}

/* Entries */

/* Returns: the total size of all strings in @reply, in bytes. */
static gsize
get_size (const redisReply *reply)
{
  gsize size = reply->type == REDIS_REPLY_STRING ? reply->len : 0;

  for (gsize i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
    size += get_size (reply->element[i]);
  return size;
}

/* Processes entries until their total size reaches max_bytes; the next XREAD returns the remaining
 * entries again. If the parser discarded the content of an entry, stops before that entry: the next
 * XREAD requests that entry alone, so its content may fit into the reply. But if it is the first
 * entry, processes only that entry. @bytes (out): size of the processed entries. @is_too_large
 * (out): whether discarded content was found. Returns: the number of processed entries; 0 if the id
 * of an entry is invalid. */
static gsize
take_some (RdRedisConsumer *consumer,
           const redisReply *entries,
           gsize *bytes,
           gboolean *is_too_large)
{
  gsize n = 0;

  *is_too_large = FALSE;
  for (*bytes = 0; n < entries->elements && *bytes < consumer->max_bytes && !*is_too_large; n++)
    {
      const redisReply *entry = entries->element[n];
      RdRedisEntryKind kind;
      RdMessage message;

      *is_too_large = rd_redis_stream_is_too_large (entry);
      if (*is_too_large && n > 0)
        break;
      kind = rd_redis_stream_take (consumer->stream, entry, &message);
      if (kind == RD_REDIS_ENTRY_INVALID)
        return 0;
      consumer->events->entry (kind, &message, consumer->user_data);
      *bytes += get_size (entry);
    }

  return n;
}

/* Returns: (nullable): the entries in the XREAD reply [[key, [entry, …]]]; NULL if malformed. */
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

/* Sets the number of entries to request next, based on the average size of the last entries. */
static void
adapt_count (RdRedisConsumer *consumer, gsize n_entries, gsize bytes)
{
  const gsize size = MAX (bytes / n_entries, 1);

  consumer->count = CLAMP (consumer->max_bytes / size, 1, MIN (2 * consumer->count, COUNT_MAX));
}

static void
become_live (RdRedisConsumer *consumer)
{
  if (consumer->is_live)
    return;

  consumer->is_live = TRUE;
  consumer->events->caught_up (consumer->user_data);
}

static void
on_entries (const redisReply *reply, gpointer user_data)
{
  RdRedisConsumer *consumer = user_data;
  const redisReply *entries;
  gboolean is_too_large;
  gboolean has_more;
  gsize bytes;
  gsize n;

  /* Until the catch-up is complete, it is unknown which of our own messages Redis has stored. */
  if (consumer->is_live)
    consumer->events->heard (consumer->user_data);
  if (reply->type == REDIS_REPLY_NIL)
    {
      become_live (consumer);
      read_on (consumer, CHECK_LIVE_US);
      return;
    }

  entries = find_entries (reply);
  n = entries != NULL ? take_some (consumer, entries, &bytes, &is_too_large) : 0;
  if (n == 0)
    {
      fail (consumer, reply, entries != NULL ? "invalid entry id" : "unexpected reply to XREAD");
      return;
    }

  has_more = n < entries->elements || n >= consumer->count;
  if (is_too_large)
    consumer->count = 1;
  else
    adapt_count (consumer, n, bytes);
  /* Other nodes may write faster than this node reads, so do not wait for the end of the stream. */
  if (!has_more || rd_redis_stream_has_caught_up (consumer->stream))
    become_live (consumer);
  if (has_more)
    read_on_when_there_is_room (consumer);
  else
    read_on (consumer, CHECK_LIVE_US);
}

/* Handling of the replies to TIME and XINFO */

static void
on_info (const redisReply *reply, gpointer user_data)
{
  RdRedisConsumer *consumer = user_data;
  const gboolean is_new_pass = !consumer->has_begun;
  RdRedisGap gap;

  if (!(is_new_pass ? rd_redis_stream_resume (consumer->stream, reply, &gap)
                    : rd_redis_stream_check (consumer->stream, reply, &gap)))
    {
      fail (consumer, reply, "unexpected reply to XINFO");
      return;
    }
  if (gap.lost && !is_new_pass)
    {
      /* reconnect to read the stream again and find out which of our own messages it contains */
      fail (consumer, NULL, "data was lost");
      return;
    }

  consumer->has_begun = TRUE;
  if (gap.lost || gap.trimmed)
    consumer->events->gap (&gap, consumer->user_data);
  send_read (consumer);
}

/* Computes the start time of this node in the server's time, which entry ids also use. If TIME is
 * not permitted, the node begins to read at the end of the stream. XINFO is sent only after the
 * reply to TIME: a slow XINFO could delay that reply, and the computed time would be too early. */
static void
on_time (const redisReply *reply, gpointer user_data)
{
  RdRedisConsumer *consumer = user_data;
  const gint64 passed_us = g_get_monotonic_time () - consumer->began_us;

  if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2
      && reply->element[0]->type == REDIS_REPLY_STRING
      && reply->element[1]->type == REDIS_REPLY_STRING)
    {
      const guint64 s = g_ascii_strtoull (reply->element[0]->str, NULL, 10);
      const guint64 us = g_ascii_strtoull (reply->element[1]->str, NULL, 10);

      rd_redis_stream_set_since (consumer->stream, (s * G_USEC_PER_SEC + us - passed_us) / 1000);
    }
  send_info (consumer);
}

void
rd_redis_consumer_start (RdRedisConsumer *consumer, gint64 began_us)
{
  consumer->began_us = began_us;
  consumer->count = CLAMP (consumer->max_bytes / consumer->options->max_message, 1, COUNT_MAX);
  rd_redis_link_call_words (rd_redis_get_link (consumer->redis, RD_REDIS_CONSUMER), on_time,
                            consumer, "TIME", NULL);
}

void
rd_redis_consumer_stop (RdRedisConsumer *consumer)
{
  consumer->has_begun = FALSE;
  consumer->is_live = FALSE;
  g_clear_handle_id (&consumer->wait_id, g_source_remove);
}
