/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Sends each batch as a transaction (MULTI … EXEC). Waits until the previous batch has succeeded,
 * to keep messages in order. If Redis refuses transactions, each batch is one message. */

#include "rd-redis-writer.h"

#define BATCH_MESSAGES 512
#define BATCH_BYTES    (256 << 10)

struct _RdRedisWriter
{
  RdRedis *redis;                    /* unowned: outlives us */
  RdRedisOutbox *outbox;             /* unowned: outlives us */
  RdRedisOwn *own;                   /* unowned: outlives us; NULL in stream mode */
  const RdRedisBusOptions *options;  /* unowned: outlives us */
  const RdRedisWriterEvents *events; /* unowned: outlives us */
  gpointer user_data;

  gboolean is_started;
  gboolean is_held;
  gboolean is_single;      /* one message per batch: the server refuses transactions */
  gboolean is_single_kept; /* the next rd_redis_writer_start() does not reset is_single */
  char *refusal;           /* owned: why Redis refuses messages; NULL: it accepts them */
  guint attempts;          /* number of refused batches; 0 after RD_REDIS_STABLE_US without one */
  gint64 refused_us;       /* monotonic: last refusal; valid if attempts > 0 */
  guint timer_id;          /* timer that sends the next batch */

  guint64 composed; /* sequence number of the last message that was sent */
  guint64 answered; /* sequence number of the last message with a known outcome */

  /* The batch in flight */
  guint in_flight; /* number of messages */
  guint n_stored;  /* number of messages known to be stored */
  guint n_refused; /* number of messages known not to be stored */
  gboolean is_transaction_refused;
  char *error; /* owned, nullable: the first error in the replies */
};

RdRedisWriter *
rd_redis_writer_new (RdRedis *redis,
                     RdRedisOutbox *outbox,
                     RdRedisOwn *own,
                     const RdRedisBusOptions *options,
                     const RdRedisWriterEvents *events,
                     gpointer user_data)
{
  RdRedisWriter *writer = g_new0 (RdRedisWriter, 1);

  writer->redis = redis;
  writer->outbox = outbox;
  writer->own = own;
  writer->options = options;
  writer->events = events;
  writer->user_data = user_data;
  return writer;
}

static void write_batch (RdRedisWriter *writer);

/* Sets the reason why Redis refuses messages; if the reason has changed, calls events->refusal().
 * @refusal: (transfer full) (nullable): NULL if Redis accepts messages. */
static void
set_refusal (RdRedisWriter *writer, char *refusal)
{
  g_autofree char *old = writer->refusal;

  writer->refusal = refusal;
  if (g_strcmp0 (old, refusal) != 0)
    writer->events->refusal (writer->user_data);
}

static void
on_timer (gpointer user_data)
{
  RdRedisWriter *writer = user_data;

  writer->timer_id = 0;
  write_batch (writer);
}

/* Handling the outcome of a batch */

/* Sends the next batch, or probe, after a growing pause. */
static void
retry_later (RdRedisWriter *writer)
{
  writer->refused_us = g_get_monotonic_time ();
  writer->timer_id = g_timeout_add_once (rd_redis_backoff_next (&writer->attempts), on_timer,
                                         writer);
}

static void
fail_connection (RdRedisWriter *writer, const char *message)
{
  g_autoptr (GError) error = g_error_new_literal (RD_REDIS_ERROR, RD_REDIS_ERROR_REPLY, message);

  rd_redis_fail (writer->redis, error);
}

static void
on_stored (RdRedisWriter *writer, guint n)
{
  /* Keep the pauses long if Redis alternates between accepting and refusing, to limit log lines. */
  if (writer->attempts > 0 && g_get_monotonic_time () - writer->refused_us > RD_REDIS_STABLE_US)
    writer->attempts = 0;
  writer->answered = writer->composed;
  rd_redis_outbox_stored (writer->outbox, g_get_monotonic_time ());
  writer->events->stored (n, writer->user_data);
  set_refusal (writer, NULL);
  write_batch (writer);
}

static void
on_refused (RdRedisWriter *writer)
{
  rd_redis_outbox_refused (writer->outbox);
  writer->composed = writer->answered;
  if (writer->own != NULL)
    rd_redis_own_remove_after (writer->own, writer->answered);
  retry_later (writer);
  set_refusal (writer, g_steal_pointer (&writer->error));
}

static void
on_unknown (RdRedisWriter *writer)
{
  g_autofree char *error = g_steal_pointer (&writer->error);

  writer->is_single_kept = writer->is_single;
  fail_connection (writer, error != NULL ? error : "unexpected reply to a message");
}

static void
finish_batch (RdRedisWriter *writer, gboolean is_aborted)
{
  const guint n = writer->in_flight;
  const gboolean is_refused = is_aborted || writer->n_refused == n;

  if (writer->is_transaction_refused && !writer->is_single && !is_refused)
    {
      g_warning ("Redis at %s does not allow transactions (%s): sending messages one at a time, "
                 "which is slow; to avoid this, allow MULTI and EXEC in Redis",
                 rd_redis_get_name (writer->redis), writer->error);
      writer->is_single = TRUE;
    }

  writer->in_flight = 0;
  if (writer->n_stored == n)
    on_stored (writer, n);
  else if (is_refused)
    on_refused (writer);
  else
    on_unknown (writer);
}

/* Replies */

static void
note_error (RdRedisWriter *writer, const redisReply *reply)
{
  if (reply->type == REDIS_REPLY_ERROR && writer->error == NULL)
    writer->error = rd_redis_error_dup_words (reply);
}

/* Handles the reply to a message: the outcome, or QUEUED inside a transaction. */
static void
on_message (const redisReply *reply, gpointer user_data)
{
  RdRedisWriter *writer = user_data;

  note_error (writer, reply);
  writer->n_refused += reply->type == REDIS_REPLY_ERROR;
  writer->n_stored += reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_INTEGER;
}

/* Handles the reply to MULTI. If Redis refuses MULTI, it stores the messages of the batch one by
 * one. */
static void
on_multi (const redisReply *reply, gpointer user_data)
{
  RdRedisWriter *writer = user_data;

  note_error (writer, reply);
  writer->is_transaction_refused = reply->type == REDIS_REPLY_ERROR;
}

static void
on_exec (const redisReply *reply, gpointer user_data)
{
  RdRedisWriter *writer = user_data;
  const gboolean is_error = reply->type == REDIS_REPLY_ERROR;
  const gboolean is_aborted = is_error && g_str_has_prefix (reply->str, "EXECABORT");

  note_error (writer, reply);
  writer->is_transaction_refused |= is_error && !is_aborted;
  if (reply->type == REDIS_REPLY_ARRAY)
    {
      writer->n_refused = 0;
      for (gsize i = 0; i < reply->elements; i++)
        on_message (reply->element[i], writer);
    }

  finish_batch (writer, is_aborted);
}

static void
on_single (const redisReply *reply, gpointer user_data)
{
  on_message (reply, user_data);
  finish_batch (user_data, FALSE);
}

/* Redis checks permissions, memory and role before the id, which is invalid. */
static void
on_probe (const redisReply *reply, gpointer user_data)
{
  RdRedisWriter *writer = user_data;
  const gboolean is_refused = reply->type == REDIS_REPLY_ERROR
                              && !g_str_has_prefix (reply->str, "ERR ");

  if (writer->in_flight > 0) /* the outcome of the message decides */
    return;

  if (is_refused && writer->is_started && writer->timer_id == 0)
    retry_later (writer);
  set_refusal (writer, is_refused ? rd_redis_error_dup_words (reply) : NULL);
}

void
rd_redis_writer_probe (RdRedisWriter *writer)
{
  if (writer->options->mode == RD_REDIS_STREAM)
    rd_redis_call (writer->redis, on_probe, writer, "XADD", RD_REDIS_STREAM_KEY, "0-0", "text", "",
                   NULL);
  else
    set_refusal (writer, NULL);
}

/* Sending */

static void
write_message (RdRedisWriter *writer, const RdRedisOutgoing *outgoing, RdRedisReplyFunc func)
{
  const RdRedisBusOptions *options = writer->options;
  const char *opcode = outgoing->opcode == WS_OPCODE_TEXT ? "text" : "binary";
  RdRedisLink *link = rd_redis_get_link (writer->redis, RD_REDIS_COMMANDS);
  g_autofree char *history = g_strdup_printf ("%" G_GUINT64_FORMAT, options->history);
  g_autofree char *sequence = g_strdup_printf ("%" G_GUINT64_FORMAT, outgoing->sequence);

  if (options->mode == RD_REDIS_STREAM)
    rd_redis_link_call (link, func, writer, outgoing->data, "XADD", RD_REDIS_STREAM_KEY, "MAXLEN",
                        "~", history, "*", "node", options->node, "seq", sequence, opcode, NULL);
  else
    rd_redis_link_call (link, func, writer, outgoing->data, "PUBLISH", options->channel, NULL);

  writer->in_flight++;
  writer->composed = outgoing->sequence;
  if (writer->own != NULL)
    rd_redis_own_add (writer->own, outgoing);
}

static void
write_transaction (RdRedisWriter *writer, const RdRedisOutgoing *outgoing)
{
  gsize bytes = 0;

  rd_redis_call (writer->redis, on_multi, writer, "MULTI", NULL);
  for (; outgoing != NULL; outgoing = rd_redis_outbox_take (writer->outbox))
    {
      bytes += g_bytes_get_size (outgoing->data);
      write_message (writer, outgoing, on_message);
      if (writer->in_flight == BATCH_MESSAGES || bytes >= BATCH_BYTES)
        break;
    }
  rd_redis_call (writer->redis, on_exec, writer, "EXEC", NULL);
}

static void
write_batch (RdRedisWriter *writer)
{
  const RdRedisOutgoing *outgoing;

  if (!writer->is_started || writer->is_held || writer->in_flight > 0 || writer->timer_id != 0)
    return;

  outgoing = rd_redis_outbox_take (writer->outbox);
  if (outgoing == NULL)
    {
      if (writer->refusal != NULL) /* each refused message was stored or dropped */
        rd_redis_writer_probe (writer);
      return;
    }

  writer->n_stored = 0;
  writer->n_refused = 0;
  writer->is_transaction_refused = FALSE;
  g_clear_pointer (&writer->error, g_free);
  if (writer->is_single)
    write_message (writer, outgoing, on_single);
  else
    write_transaction (writer, outgoing);
}

void
rd_redis_writer_wake (RdRedisWriter *writer)
{
  if (writer->is_started && writer->in_flight == 0 && writer->timer_id == 0)
    writer->timer_id = g_timeout_add_once (0, on_timer, writer);
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
  return writer->in_flight == 0;
}

void
rd_redis_writer_start (RdRedisWriter *writer)
{
  writer->is_started = TRUE;
  writer->is_single &= writer->is_single_kept;
  writer->is_single_kept = FALSE;
  write_batch (writer);
}

static void
reset (RdRedisWriter *writer)
{
  writer->is_started = FALSE;
  writer->in_flight = 0;
  g_clear_pointer (&writer->error, g_free);
  g_clear_handle_id (&writer->timer_id, g_source_remove);
}

guint
rd_redis_writer_stop (RdRedisWriter *writer)
{
  reset (writer);
  if (writer->own == NULL)
    return 0;

  rd_redis_own_disconnect (writer->own, writer->answered, g_get_monotonic_time ());
  writer->answered = writer->composed;
  return rd_redis_outbox_abandon (writer->outbox);
}

void
rd_redis_writer_free (RdRedisWriter *writer)
{
  reset (writer);
  g_free (writer->refusal);
  g_free (writer);
}

const char *
rd_redis_writer_get_refusal (const RdRedisWriter *writer)
{
  return writer->refusal;
}
