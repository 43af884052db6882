/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The Redis bus: connects the outbox, the writer, the stream and the consumer, requests the lock
 * for periodic messages, and reports the state of the bus. */

#include "rd-redis-bus.h"

#include "rd-redis-bus-private.h"
#include "rd-redis-protocol.h"
#include "rd-text.h"
#include "rd-units.h"
#include "ws-utf8.h"

#include <inttypes.h>

/* Maximum size of the list of messages that this node has published. It exceeds the default buffer
 * size at which Redis disconnects a slow subscriber (client-output-buffer-limit pubsub). */
#define OWN_MAX_BYTES (64 << 20)

#define LOCK_KEY "periodic_broadcast_lock"

/* The lock expires this long before the next message, but not before half of the interval. */
#define LOCK_MARGIN_US G_TIME_SPAN_SECOND

G_DEFINE_FINAL_TYPE (RdRedisBus, rd_redis_bus, RD_TYPE_BUS)

/* Messages to Redis */

static void
queue (RdRedisBus *self, const RdMessage *message)
{
  const guint dropped = rd_redis_outbox_push (self->outbox, message->opcode, message->data,
                                              message->size);
  g_autofree char *limit = NULL;

  rd_redis_writer_wake (self->writer);
  if (dropped == 0)
    return;

  self->stats.dropped += dropped;
  if (self->is_drop_logged)
    return;

  self->is_drop_logged = TRUE;
  limit = rd_units_format_size (self->options.buffer_size);
  g_warning ("More than %s of messages wait for Redis: dropping the oldest, so clients of other "
             "nodes miss them; increase --redis-buffer",
             limit);
}

static void
rd_redis_bus_publish (RdBus *bus, RdMessage *message)
{
  rd_bus_deliver (bus, message);
  queue (RD_REDIS_BUS (bus), message);
}

static void
on_stored (guint n, gpointer user_data)
{
  RdRedisBus *self = user_data;

  self->stats.sent += n;
  if (rd_redis_outbox_get_pending (self->outbox, NULL) == 0)
    self->is_drop_logged = FALSE;
}

static void
on_refusal (gpointer user_data)
{
  RdRedisBus *self = user_data;
  const char *refusal = rd_redis_writer_get_refusal (self->writer);

  if (refusal != NULL)
    g_warning ("Redis at %s refuses messages: %s; messages for other nodes are buffered",
               rd_redis_get_name (self->redis), refusal);
  else
    g_message ("Redis at %s accepts messages again", rd_redis_get_name (self->redis));
  if (!rd_redis_bus_state_is_down (self->state))
    rd_redis_bus_set_state_up (self);
}

static const RdRedisWriterEvents writer_events = { .stored = on_stored, .refusal = on_refusal };

/* Messages from Redis */

static void
drop_oversized (RdRedisBus *self, gsize limit)
{
  g_autofree char *size = rd_units_format_size (limit);

  self->stats.dropped++;
  if (!self->is_oversize_logged)
    g_warning (
      "Dropped a message of more than %s from Redis%s; further drops are counted, not logged", size,
      limit == self->options.max_message ? " (see --max-message)" : "");
  self->is_oversize_logged = TRUE;
}

static void
receive (RdRedisBus *self, RdMessage *message)
{
  if (message->size > self->options.max_message)
    {
      drop_oversized (self, self->options.max_message);
      return;
    }

  self->stats.received++;
  rd_bus_deliver (RD_BUS (self), message);
}

static void
on_entry (RdRedisEntryKind kind, RdMessage *message, gpointer user_data)
{
  RdRedisBus *self = user_data;

  if (kind == RD_REDIS_ENTRY_NEW)
    receive (self, message);
  else if (kind == RD_REDIS_ENTRY_TOO_LARGE)
    drop_oversized (self, RD_REDIS_REPLY_MAX);
  self->stats.repeated += kind == RD_REDIS_ENTRY_REPEATED;
}

static void
on_gap (const RdRedisGap *gap, gpointer user_data)
{
  RdRedisBus *self = user_data;
  g_autofree char *missed = gap->missed > 0 ? g_strdup_printf ("%" PRIu64, gap->missed)
                                            : g_strdup ("unknown number");

  if (gap->lost)
    g_warning (
      "Redis at %s has lost data: clients of this node may miss recent messages from other "
      "nodes",
      rd_redis_get_name (self->redis));
  if (!gap->trimmed)
    return;

  self->stats.gaps++;
  self->stats.missed += gap->missed;
  g_warning ("This node missed messages (%s): Redis trimmed them from the stream before this node "
             "read them; increase --redis-history",
             missed);
}

static void
on_heard (gpointer user_data)
{
  RdRedisBus *self = user_data;

  rd_redis_outbox_expire (self->outbox, g_get_monotonic_time ());
}

/* Delivers a message from the channel, unless this node published it. */
static void
on_channel_message (RdRedisBus *self, const redisReply *payload)
{
  const guint8 *data = (const guint8 *) payload->str;
  RdMessage message = { .topic = RD_TOPIC_BROADCAST, .data = data, .size = payload->len };

  if (self->own != NULL
      && rd_redis_own_match (self->own, data, payload->len, g_get_monotonic_time ()))
    return;

  message.opcode = ws_utf8_is_text (data, payload->len) ? WS_OPCODE_TEXT : WS_OPCODE_BINARY;
  receive (self, &message);
}

/* Periodic messages: all nodes have the same message and interval, and the node that acquires the
 * lock sends the message. No node releases the lock; it expires before the next message. */

/* Delivers the message in lock_data to clients of this node. Also sends the message to other nodes
 * if this node has acquired the lock. */
static void
finish_lock (RdRedisBus *self, gboolean is_acquired)
{
  g_autoptr (GBytes) data = g_steal_pointer (&self->lock_data);
  RdMessage message = { .topic = RD_TOPIC_BROADCAST, .opcode = self->lock_opcode };

  message.data = g_bytes_get_data (data, &message.size);
  rd_bus_deliver (RD_BUS (self), &message);
  if (is_acquired)
    queue (self, &message);
}

static void
on_lock (const redisReply *reply, gpointer user_data)
{
  RdRedisBus *self = user_data;
  g_autofree char *refusal = reply->type == REDIS_REPLY_ERROR ? rd_redis_error_dup_words (reply)
                                                              : NULL;

  rd_redis_bus_set_refusal (self, RD_REDIS_BUS_LOCK, refusal);
  if (reply->type == REDIS_REPLY_NIL) /* another node holds the lock */
    g_clear_pointer (&self->lock_data, g_bytes_unref);
  else
    finish_lock (self, reply->type == REDIS_REPLY_STATUS);
}

/* Requests the lock for @message. Drops @message if the previous request is still pending. */
static void
rd_redis_bus_publish_locked (RdBus *bus, RdMessage *message, gint64 interval_us)
{
  RdRedisBus *self = RD_REDIS_BUS (bus);
  const gint64 lock_us = MAX (interval_us - LOCK_MARGIN_US, interval_us / 2);
  g_autofree char *lock_ms = g_strdup_printf ("%" G_GINT64_FORMAT, lock_us / 1000);

  if (self->lock_data != NULL)
    return;

  self->lock_data = g_bytes_new (message->data, message->size);
  self->lock_opcode = message->opcode;
  if (rd_redis_is_up (self->redis))
    rd_redis_call (self->redis, on_lock, self, "SET", LOCK_KEY, self->options.node, "NX", "PX",
                   lock_ms, NULL);
  else
    finish_lock (self, FALSE);
}

/* Connection */

static void
log_connected (const RdRedisBus *self)
{
  const gint64 outage_us = g_get_monotonic_time () - self->down_us;
  const char *name = rd_redis_get_name (self->redis);
  g_autofree char *outage = NULL;

  if (self->stats.connects <= 1)
    {
      g_message ("Redis at %s: connected", name);
      return;
    }

  outage = rd_units_format_duration (outage_us - outage_us % G_TIME_SPAN_MILLISECOND);
  g_log (G_LOG_DOMAIN, self->is_outage_logged ? G_LOG_LEVEL_MESSAGE : G_LOG_LEVEL_INFO,
         "Redis at %s: connected again after %s", name, outage);
}

/* Ends the outage and starts sending. In stream mode, missed entries must have been read before. */
static void
join (RdRedisBus *self)
{
  log_connected (self);
  self->down_us = -1;
  self->is_outage_logged = FALSE;
  self->is_denial_logged = FALSE;
  rd_redis_bus_set_state_up (self);
  rd_redis_writer_start (self->writer);
}

static void
on_caught_up (gpointer user_data)
{
  RdRedisBus *self = user_data;

  rd_redis_outbox_resume (self->outbox, rd_redis_stream_get_own (self->stream),
                          g_get_monotonic_time ());
  join (self);
}

static const RdRedisConsumerEvents consumer_events
  = { .entry = on_entry, .gap = on_gap, .caught_up = on_caught_up, .heard = on_heard };

static void
on_up (RdRedisBus *self)
{
  self->stats.connects++;
  self->is_oversize_logged = FALSE;
  rd_redis_link_subscribe (rd_redis_get_link (self->redis, RD_REDIS_SUBSCRIBER),
                           self->options.channel);
  rd_redis_bus_set_state (self, RD_REDIS_BUS_CATCHING_UP, NULL);
}

/* Once the server has confirmed the subscription, it misses no message on the channel. */
static void
on_subscribed (RdRedisBus *self)
{
  rd_redis_writer_probe (self->writer);
  if (self->consumer != NULL)
    rd_redis_consumer_start (self->consumer, self->began_us);
  else
    join (self);
}

static void
on_pushed (RdRedisBus *self, const redisReply *push)
{
  const redisReply *payload;

  if (push->type != REDIS_REPLY_ARRAY || push->elements != 3
      || push->element[0]->type != REDIS_REPLY_STRING)
    return;

  payload = push->element[2];
  if (g_str_equal (push->element[0]->str, "subscribe"))
    on_subscribed (self);
  if (!g_str_equal (push->element[0]->str, "message"))
    return;

  if (payload->type == REDIS_REPLY_STRING)
    on_channel_message (self, payload);
  else if (payload->type == REDIS_REPLY_ERROR)
    drop_oversized (self, RD_REDIS_REPLY_MAX);
}

static void
on_registry (RdRedisBus *self, const char *refusal)
{
  rd_redis_bus_set_refusal (self, RD_REDIS_BUS_REGISTRY, refusal);
}

/* @error: reason of the outage; NULL after rd_redis_stop(). */
static void
on_down (RdRedisBus *self, const GError *error)
{
  /* refused, cluster or replica: the server works, but cannot be used */
  const gboolean is_denied = error != NULL && error->domain == RD_REDIS_ERROR
                             && error->code <= RD_REDIS_ERROR_REPLICA;
  const gboolean is_logged = self->is_outage_logged && (!is_denied || self->is_denial_logged);

  self->stats.dropped += rd_redis_writer_stop (self->writer);
  if (self->consumer != NULL)
    rd_redis_consumer_stop (self->consumer);
  if (self->lock_data != NULL)
    finish_lock (self, FALSE);

  if (error != NULL && !is_logged)
    g_warning ("Redis at %s is down: %s; messages for other nodes are buffered",
               rd_redis_get_name (self->redis), error->message);
  if (self->down_us < 0)
    self->down_us = g_get_monotonic_time ();
  self->is_outage_logged |= error != NULL;
  self->is_denial_logged |= is_denied;
  if (error != NULL || self->state != RD_REDIS_BUS_DOWN)
    rd_redis_bus_set_state (self, RD_REDIS_BUS_DOWN,
                            error != NULL ? error->message : "a new worker takes over");
}

void
rd_redis_bus_hold (RdRedisBus *self, gboolean holds)
{
  rd_redis_writer_hold (self->writer, holds);
}

gboolean
rd_redis_bus_is_idle (RdRedisBus *self)
{
  return rd_redis_writer_is_idle (self->writer) && self->lock_data == NULL;
}

void
rd_redis_bus_skip_ahead (RdRedisBus *self)
{
  rd_redis_outbox_skip_ahead (self->outbox);
}

static void
rd_redis_bus_get_stats (RdBus *bus, RdBusStats *stats)
{
  RdRedisBus *self = RD_REDIS_BUS (bus);

  *stats = self->stats;
  stats->is_shared = TRUE;
  stats->is_up = !rd_redis_bus_state_is_down (self->state);
  stats->pending = rd_redis_outbox_get_pending (self->outbox, &stats->pending_bytes);
}

static void
rd_redis_bus_finalize (GObject *object)
{
  RdRedisBus *self = RD_REDIS_BUS (object);

  rd_redis_writer_free (self->writer);
  g_clear_pointer (&self->consumer, rd_redis_consumer_free);
  g_clear_pointer (&self->stream, rd_redis_stream_free);
  g_clear_pointer (&self->own, rd_redis_own_free);
  g_clear_pointer (&self->lock_data, g_bytes_unref);
  rd_redis_outbox_free (self->outbox);
  g_object_unref (self->redis);
  for (guint i = 0; i < RD_REDIS_BUS_N_NEEDS; i++)
    g_free (self->refusals[i]);
  g_free (self->reason);
  g_free ((char *) self->options.channel);
  g_free ((char *) self->options.node);
  G_OBJECT_CLASS (rd_redis_bus_parent_class)->finalize (object);
}

static void
rd_redis_bus_class_init (RdRedisBusClass *klass)
{
  RdBusClass *bus_class = RD_BUS_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = rd_redis_bus_finalize;
  bus_class->publish = rd_redis_bus_publish;
  bus_class->publish_locked = rd_redis_bus_publish_locked;
  bus_class->get_stats = rd_redis_bus_get_stats;
  bus_class->dup_state = rd_redis_bus_dup_state;
}

static void
rd_redis_bus_init (RdRedisBus *self)
{
  self->began_us = g_get_monotonic_time ();
  self->since_us = g_get_real_time ();
  self->reason = g_strdup ("not connected yet");
  self->down_us = -1;
}

RdBus *
rd_redis_bus_new (RdRedis *redis, const RdRedisBusOptions *options)
{
  RdRedisBus *self = g_object_new (RD_TYPE_REDIS_BUS, NULL);

  self->redis = g_object_ref (redis);
  self->options = *options;
  self->options.node = g_strdup (options->node);
  self->options.channel = g_strdup (options->channel);
  self->outbox = rd_redis_outbox_new (options->buffer_size,
                                      options->mode == RD_REDIS_STREAM ? RD_REDIS_KEEP_US : 0);
  if (options->mode == RD_REDIS_PUBSUB)
    {
      self->own = rd_redis_own_new (OWN_MAX_BYTES);
    }
  else
    {
      self->stream = rd_redis_stream_new (options->node);
      self->consumer = rd_redis_consumer_new (redis, self->stream, &self->options, &consumer_events,
                                              self);
    }
  self->writer = rd_redis_writer_new (redis, self->outbox, self->own, &self->options,
                                      &writer_events, self);

  g_signal_connect_object (redis, "up", G_CALLBACK (on_up), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (redis, "down", G_CALLBACK (on_down), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (redis, "refused", G_CALLBACK (on_registry), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (redis, "pushed", G_CALLBACK (on_pushed), self, G_CONNECT_SWAPPED);
  return RD_BUS (self);
}
