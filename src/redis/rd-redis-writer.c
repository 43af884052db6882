/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The writer: MULTI, a batch, EXEC; then the next. Only one batch is under way at a time: were
 * there two, the first could be refused and the second stored, and the order would be gone. What
 * the commands are is its owner's. */

#include "rd-redis-writer.h"

#include <glib/gi18n.h>

#define BATCH_MESSAGES       512
#define BATCH_BYTES          (256 << 10)
#define LOOK_ELSEWHERE_EVERY 16 /* attempts: about once a minute */

struct _RdRedisWriter
{
  RdRedis *redis;                    /* unowned: outlives us */
  RdRedisOutbox *outbox;             /* unowned: outlives us */
  const RdRedisWriterEvents *events; /* unowned: outlives us */
  gpointer user_data;

  gboolean is_started;
  gboolean is_held; /* another process is to go on with what is not under way yet */
  guint under_way;  /* messages of the batch that was sent and is not answered */
  char *refusal;    /* owned, nullable */
  char *doubt;      /* owned, nullable: the first error in the answer to the batch under way */
  RdRedisBackoff backoff;
  gint64 refused_us; /* monotonic: when a batch was refused last */
  guint wake_id;
  guint retry_id;
};

RdRedisWriter *
rd_redis_writer_new (RdRedis *redis,
                     RdRedisOutbox *outbox,
                     const RdRedisWriterEvents *events,
                     gpointer user_data)
{
  RdRedisWriter *writer = g_new0 (RdRedisWriter, 1);

  writer->redis = redis;
  writer->outbox = outbox;
  writer->events = events;
  writer->user_data = user_data;
  return writer;
}

void
rd_redis_writer_free (RdRedisWriter *writer)
{
  rd_redis_writer_stop (writer);
  g_free (writer->refusal);
  g_free (writer);
}

static void write_batch (RdRedisWriter *writer);

/* Remembers and tells. @refusal: (transfer full) (nullable). */
static void
set_refusal (RdRedisWriter *writer, char *refusal)
{
  g_autofree char *old = writer->refusal;

  writer->refusal = refusal;
  if (g_strcmp0 (old, refusal) != 0)
    writer->events->refusal (writer->user_data);
}

static gboolean
on_retry (gpointer user_data)
{
  RdRedisWriter *writer = user_data;

  writer->retry_id = 0;
  write_batch (writer);
  return G_SOURCE_REMOVE;
}

/* A replica stays one for as long as we stay connected to it; under its name the server that took
 * its place may be found. */
static gboolean
must_look_elsewhere (const RdRedisWriter *writer)
{
  return g_str_has_prefix (writer->refusal, "READONLY")
         && writer->backoff.attempts % LOOK_ELSEWHERE_EVERY == LOOK_ELSEWHERE_EVERY - 1;
}

static void
on_refused (RdRedisWriter *writer)
{
  g_autoptr (GError) error = NULL;

  writer->refused_us = g_get_monotonic_time ();
  rd_redis_outbox_refused (writer->outbox);
  writer->events->refused (writer->user_data);
  set_refusal (writer, g_steal_pointer (&writer->doubt));
  writer->retry_id = g_timeout_add (rd_redis_backoff_next (&writer->backoff), on_retry, writer);
  if (!must_look_elsewhere (writer))
    return;

  error = g_error_new_literal (RD_REDIS_ERROR, RD_REDIS_ERROR_REPLY, writer->refusal);
  rd_redis_fail (writer->redis, error);
}

static void
note_error (RdRedisWriter *writer, const redisReply *reply)
{
  if (reply->type == REDIS_REPLY_ERROR && writer->doubt == NULL)
    writer->doubt = rd_redis_error_dup_words (reply);
}

/* To MULTI, and to what stands behind it: refused commands are named here, not by EXEC. */
static void
on_queued (const redisReply *reply, gpointer user_data)
{
  note_error (user_data, reply);
}

static void
on_executed (const redisReply *reply, gpointer user_data)
{
  RdRedisWriter *writer = user_data;
  const guint n = writer->under_way;

  note_error (writer, reply);
  for (gsize i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
    note_error (writer, reply->element[i]);
  if (reply->type != REDIS_REPLY_ARRAY && writer->doubt == NULL)
    writer->doubt = g_strdup (_ ("EXEC was not answered with a list"));

  writer->under_way = 0;
  if (writer->doubt != NULL)
    {
      on_refused (writer);
      return;
    }

  /* one that cannot make up its mind must not fill the log */
  if (g_get_monotonic_time () - writer->refused_us > RD_REDIS_STABLE_US)
    writer->backoff.attempts = 0;
  writer->events->stored (n, writer->user_data);
  set_refusal (writer, NULL);
  write_batch (writer);
}

static void
write_batch (RdRedisWriter *writer)
{
  RdRedisLink *link = rd_redis_get_link (writer->redis, RD_REDIS_COMMANDS);
  const char *words[RD_REDIS_WORDS_MAX];
  gsize sizes[RD_REDIS_WORDS_MAX];
  const RdRedisOutgoing *outgoing;
  gsize bytes = 0;

  if (!writer->is_started || writer->is_held || writer->under_way > 0 || writer->retry_id != 0)
    return;

  while (writer->under_way < BATCH_MESSAGES && bytes < BATCH_BYTES
         && (outgoing = rd_redis_outbox_take (writer->outbox)) != NULL)
    {
      const int n_words = writer->events->compose (outgoing, words, sizes, writer->user_data);

      if (writer->under_way++ == 0)
        rd_redis_link_call_words (link, on_queued, writer, "MULTI", NULL);
      rd_redis_link_call (link, on_queued, writer, n_words, words, sizes);
      bytes += g_bytes_get_size (outgoing->data);
    }

  if (writer->under_way > 0)
    rd_redis_link_call_words (link, on_executed, writer, "EXEC", NULL);
}

static gboolean
on_wake (gpointer user_data)
{
  RdRedisWriter *writer = user_data;

  writer->wake_id = 0;
  write_batch (writer);
  return G_SOURCE_REMOVE;
}

void
rd_redis_writer_wake (RdRedisWriter *writer)
{
  if (writer->is_started && writer->under_way == 0 && writer->wake_id == 0)
    writer->wake_id = g_idle_add_full (G_PRIORITY_DEFAULT, on_wake, writer, NULL);
}

void
rd_redis_writer_hold (RdRedisWriter *writer, gboolean holds)
{
  writer->is_held = holds;
  if (!holds)
    rd_redis_writer_wake (writer);
}

gboolean
rd_redis_writer_is_idle (const RdRedisWriter *writer)
{
  return writer->under_way == 0;
}

void
rd_redis_writer_start (RdRedisWriter *writer)
{
  writer->is_started = TRUE;
  write_batch (writer);
  if (writer->under_way == 0 && !writer->is_held)
    set_refusal (writer, NULL); /* what was refused got there after all, or was given up */
}

void
rd_redis_writer_stop (RdRedisWriter *writer)
{
  writer->is_started = FALSE;
  writer->under_way = 0;
  g_clear_pointer (&writer->doubt, g_free);
  g_clear_handle_id (&writer->wake_id, g_source_remove);
  g_clear_handle_id (&writer->retry_id, g_source_remove);
}

const char *
rd_redis_writer_get_refusal (const RdRedisWriter *writer)
{
  return writer->refusal;
}
