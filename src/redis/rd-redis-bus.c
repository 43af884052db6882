/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The bus over Redis: puts the outbox, the stream, the writer and the follower together, and tells
 * how it goes. Which message is new is the stream's, what is still to be sent the outbox's; here is
 * who hears what, and when. */

#include "rd-redis-bus.h"

#include "rd-redis-bus-private.h"
#include "rd-text.h"
#include "rd-units.h"
#include "ws-utf8.h"

#include <glib/gi18n.h>
#include <inttypes.h>
#include <string.h>

#define STREAM_KEY "ringdown:log"

/* Of what has not come back from the channel yet: more than Redis keeps for a subscriber that reads
 * too slowly, before it closes the connection (client-output-buffer-limit pubsub). */
#define ECHOES_MAX_BYTES (64 << 20)

G_DEFINE_FINAL_TYPE (RdRedisBus, rd_redis_bus, RD_TYPE_BUS)

/* What is published here does not get to Redis. */
static gboolean
is_away (RdRedisBusState state)
{
  return state == RD_REDIS_BUS_DOWN || state == RD_REDIS_BUS_CATCHING_UP;
}

/* The time is that of the change of state; a reason may change while it lasts, and an attempt to
 * come back may fail. */
static void
set_state (RdRedisBus *self, RdRedisBusState state, const char *reason)
{
  g_autofree char *shown = reason != NULL
                             ? rd_text_printable (reason, RD_REDIS_BUS_REASON_MAX_CHARS)
                             : NULL;

  if (state == self->state && g_strcmp0 (shown, self->reason) == 0)
    return;

  if (state != self->state && !(is_away (state) && is_away (self->state)))
    self->since_us = g_get_real_time ();
  self->state = state;
  g_free (self->reason);
  self->reason = g_steal_pointer (&shown);
  g_object_notify (G_OBJECT (self), "state");
}

static char *
rd_redis_bus_dup_state (RdBus *bus)
{
  const RdRedisBus *self = RD_REDIS_BUS (bus);
  g_autoptr (GDateTime) since = g_date_time_new_from_unix_utc (self->since_us / G_USEC_PER_SEC);
  g_autofree char *time = g_date_time_format (since, "%Y-%m-%dT%H:%M:%SZ");

  switch (self->state)
    {
    case RD_REDIS_BUS_DOWN:
      return g_strdup_printf ("redis: down since %s: %s", time, self->reason);
    case RD_REDIS_BUS_CATCHING_UP:
      return g_strdup ("redis: catching up");
    case RD_REDIS_BUS_CONNECTED:
      return g_strdup ("redis: connected");
    case RD_REDIS_BUS_REFUSED:
      return g_strdup_printf ("redis: refuses messages since %s: %s", time, self->reason);
    }

  g_assert_not_reached ();
}

/* Messages out */

static void
queue (RdRedisBus *self, const RdMessage *message)
{
  const guint dropped = rd_redis_outbox_push (self->outbox, message->opcode, message->data,
                                              message->size);

  rd_redis_writer_wake (self->writer);
  if (dropped == 0)
    return;

  self->stats.dropped += dropped;
  if (!self->is_short)
    {
      g_autofree char *size = rd_units_format_size (self->options.buffer_size);

      g_warning (_ ("More than %s of messages wait for Redis: the oldest are dropped, and the "
                    "clients of other workers miss them (see --redis-buffer)"),
                 size);
    }
  self->is_short = TRUE;
}

static void
rd_redis_bus_publish (RdBus *bus, RdMessage *message)
{
  rd_bus_deliver (bus, message);
  queue (RD_REDIS_BUS (bus), message);
}

static int
compose_entry (RdRedisBus *self, const RdRedisOutgoing *outgoing, const char **words, gsize *sizes)
{
  const char *const entry[] = { "XADD",
                                STREAM_KEY,
                                "MAXLEN",
                                "~",
                                self->history,
                                "*",
                                "node",
                                self->node,
                                "seq",
                                self->sequence,
                                outgoing->opcode == WS_OPCODE_TEXT ? "text" : "binary" };
  const int n = G_N_ELEMENTS (entry);

  g_snprintf (self->sequence, sizeof self->sequence, "%" G_GUINT64_FORMAT, outgoing->sequence);
  for (int i = 0; i < n; i++)
    {
      words[i] = entry[i];
      sizes[i] = strlen (entry[i]);
    }
  return n;
}

static int
compose_publish (RdRedisBus *self,
                 const RdRedisOutgoing *outgoing,
                 const char **words,
                 gsize *sizes)
{
  rd_redis_echoes_expect (self->echoes, outgoing);
  words[0] = "PUBLISH";
  sizes[0] = strlen (words[0]);
  words[1] = self->channel;
  sizes[1] = strlen (words[1]);
  return 2;
}

static int
on_compose (const RdRedisOutgoing *outgoing, const char **words, gsize *sizes, gpointer user_data)
{
  RdRedisBus *self = user_data;
  const int n = self->echoes != NULL ? compose_publish (self, outgoing, words, sizes)
                                     : compose_entry (self, outgoing, words, sizes);

  self->taken = outgoing->sequence;
  words[n] = g_bytes_get_data (outgoing->data, &sizes[n]);
  return n + 1;
}

static void
on_stored (guint n, gpointer user_data)
{
  RdRedisBus *self = user_data;

  self->stats.sent += n;
  self->answered = self->taken;
  rd_redis_outbox_stored (self->outbox, g_get_monotonic_time ());
  if (rd_redis_outbox_get_pending (self->outbox, NULL) == 0)
    self->is_short = FALSE;
}

static void
on_refusal (gpointer user_data)
{
  RdRedisBus *self = user_data;
  const char *refusal = rd_redis_writer_get_refusal (self->writer);

  if (refusal == NULL)
    {
      g_message (_ ("Redis at %s takes messages again"), rd_redis_get_name (self->redis));
      set_state (self, RD_REDIS_BUS_CONNECTED, NULL);
      return;
    }

  g_warning (_ ("Redis at %s refuses messages: %s; they wait, and the clients here are served"),
             rd_redis_get_name (self->redis), refusal);
  set_state (self, RD_REDIS_BUS_REFUSED, refusal);
}

static void
on_refused (gpointer user_data)
{
  RdRedisBus *self = user_data;

  self->taken = self->answered;
  if (self->echoes != NULL)
    rd_redis_echoes_forget_after (self->echoes, self->answered);
}

static const RdRedisWriterEvents writer_events
  = { .compose = on_compose, .stored = on_stored, .refused = on_refused, .refusal = on_refusal };

/* Messages in */

static void
receive (RdRedisBus *self, RdMessage *message)
{
  if (message->size <= self->options.max_message)
    {
      self->stats.received++;
      rd_bus_deliver (RD_BUS (self), message);
      return;
    }

  self->stats.dropped++;
  if (!self->is_long)
    g_warning (
      _ ("A message of %zu bytes came from Redis; --max-message allows %zu: it is dropped, "
         "as others like it will be"),
      message->size, self->options.max_message);
  self->is_long = TRUE;
}

static void
on_message (RdMessage *message, gpointer user_data)
{
  receive (user_data, message);
}

static void
on_skipped (RdRedisEntryKind kind, gpointer user_data)
{
  RdRedisBus *self = user_data;

  if (kind == RD_REDIS_REPEATED)
    self->stats.repeated++;
}

static void
on_away (const RdRedisAway *away, gpointer user_data)
{
  RdRedisBus *self = user_data;

  if (away->lost)
    g_warning (
      _ ("Redis at %s has lost data: what other workers sent shortly before may be missing "
         "here"),
      rd_redis_get_name (self->redis));
  if (!away->trimmed)
    return;

  self->stats.gaps++;
  self->stats.missed += away->missed;
  if (away->missed > 0)
    g_warning (ngettext ("%" PRIu64 " message was cut off the stream "
                         "before it was read here; see --redis-history",
                         "%" PRIu64 " messages were cut off the stream "
                         "before they were read here; see --redis-history",
                         away->missed),
               away->missed);
  else
    g_warning (_ ("Messages were cut off the stream before they were read here; "
                  "see --redis-history"));
}

static void
on_heard (gpointer user_data)
{
  RdRedisBus *self = user_data;

  rd_redis_outbox_expire (self->outbox, g_get_monotonic_time ());
}

static gboolean
on_has_room (gpointer user_data)
{
  RdRedisBus *self = user_data;

  return self->options.has_room (self->options.room_data);
}

/* On the channel: bare text. */
static void
on_channel_message (RdRedisBus *self, const redisReply *payload)
{
  const guint8 *data = (const guint8 *) payload->str;
  RdMessage message = { .topic = RD_TOPIC_BROADCAST, .data = data, .size = payload->len };

  if (self->echoes != NULL
      && rd_redis_echoes_match (self->echoes, data, payload->len, g_get_monotonic_time ()))
    return;

  message.opcode = ws_utf8_is_text (data, payload->len) ? WS_OPCODE_TEXT : WS_OPCODE_BINARY;
  receive (self, &message);
}

/* In turn with the other workers */

static void
on_turn_ours (RdMessage *message, gpointer user_data)
{
  rd_redis_bus_publish (user_data, message);
}

static void
on_turn_nobodys (RdMessage *message, gpointer user_data)
{
  rd_bus_deliver (user_data, message);
}

static const RdRedisTurnEvents turn_events = { .ours = on_turn_ours, .nobodys = on_turn_nobodys };

static void
rd_redis_bus_publish_locked (RdBus *bus, RdMessage *message, gint64 interval_us)
{
  rd_redis_turn_ask (RD_REDIS_BUS (bus)->turn, message, interval_us);
}

/* Up and down */

/* After a moment on purpose there is nothing that anybody has to know. */
static void
tell_connected (const RdRedisBus *self)
{
  const gint64 away_us = g_get_monotonic_time () - self->away_us;
  const char *name = rd_redis_get_name (self->redis);
  g_autofree char *away = NULL;

  if (self->stats.connects <= 1)
    {
      g_message (_ ("Redis at %s: connected"), name);
      return;
    }
  if (!self->is_missed)
    {
      g_info ("Redis at %s: connected again after %" PRIi64 " us", name, away_us);
      return;
    }

  away = rd_units_format_duration (away_us - away_us % G_TIME_SPAN_MILLISECOND);
  g_message (_ ("Redis at %s: connected again after %s"), name, away);
}

/* All that was missed was read: what is published here may follow. */
static void
join (RdRedisBus *self)
{
  const char *refusal = rd_redis_writer_get_refusal (self->writer);

  tell_connected (self);
  self->away_us = 0;
  self->is_missed = FALSE;
  self->is_barred = FALSE;
  set_state (self, refusal != NULL ? RD_REDIS_BUS_REFUSED : RD_REDIS_BUS_CONNECTED, refusal);
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

static const RdRedisFollowerEvents follower_events = { .message = on_message,
                                                       .skipped = on_skipped,
                                                       .away = on_away,
                                                       .caught_up = on_caught_up,
                                                       .heard = on_heard,
                                                       .has_room = on_has_room };

static void
on_up (RdRedisBus *self)
{
  self->stats.connects++;
  self->is_long = FALSE;
  rd_redis_link_subscribe (rd_redis_get_link (self->redis, RD_REDIS_SUBSCRIBER), self->channel);
  set_state (self, RD_REDIS_BUS_CATCHING_UP, NULL);
  if (self->follower != NULL) /* else the channel is all there is to wait for */
    rd_redis_follower_start (self->follower);
}

/* What was under way may have arrived, and as bare text it cannot be told from a second one. */
static void
abandon (RdRedisBus *self)
{
  self->stats.dropped += rd_redis_outbox_abandon (self->outbox);
  rd_redis_echoes_disconnect (self->echoes, self->answered, g_get_monotonic_time ());
  self->answered = self->taken;
}

/* @why: NULL: on purpose, for a moment. */
static void
on_down (RdRedisBus *self, const GError *why)
{
  /* a new reason that will not pass by itself is worth a word of its own */
  const gboolean is_barred = g_error_matches (why, RD_REDIS_ERROR, RD_REDIS_ERROR_REFUSED);

  rd_redis_writer_stop (self->writer);
  if (self->follower != NULL)
    rd_redis_follower_stop (self->follower);
  if (self->echoes != NULL)
    abandon (self);
  rd_redis_turn_stop (self->turn);

  if (why != NULL && (!self->is_missed || (is_barred && !self->is_barred)))
    g_warning (_ ("Redis at %s is away: %s; the clients here are served, and what they send waits "
                  "for it"),
               rd_redis_get_name (self->redis), why->message);
  if (self->away_us == 0)
    self->away_us = g_get_monotonic_time ();
  self->is_missed |= why != NULL;
  self->is_barred |= is_barred;
  if (why != NULL || self->state != RD_REDIS_BUS_DOWN)
    set_state (self, RD_REDIS_BUS_DOWN,
               why != NULL ? why->message : _ ("another process takes over"));
}

static void
on_pushed (RdRedisBus *self, const redisReply *push)
{
  if (push->type != REDIS_REPLY_ARRAY || push->elements != 3
      || push->element[0]->type != REDIS_REPLY_STRING)
    return;

  if (g_str_equal (push->element[0]->str, "message")
      && push->element[2]->type == REDIS_REPLY_STRING)
    on_channel_message (self, push->element[2]);
  else if (g_str_equal (push->element[0]->str, "subscribe") && self->follower == NULL)
    join (self);
}

void
rd_redis_bus_hold (RdRedisBus *self, gboolean holds)
{
  rd_redis_writer_hold (self->writer, holds);
}

gboolean
rd_redis_bus_is_quiet (RdRedisBus *self)
{
  return rd_redis_writer_is_idle (self->writer) && rd_redis_turn_is_idle (self->turn);
}

void
rd_redis_bus_begin_beyond (RdRedisBus *self)
{
  rd_redis_outbox_leap (self->outbox);
}

void
rd_redis_bus_pause (RdRedisBus *self)
{
  rd_redis_stop (self->redis);
}

void
rd_redis_bus_resume (RdRedisBus *self)
{
  rd_redis_start (self->redis);
}

static void
rd_redis_bus_get_stats (RdBus *bus, RdBusStats *stats)
{
  RdRedisBus *self = RD_REDIS_BUS (bus);

  *stats = self->stats;
  stats->is_shared = TRUE;
  stats->is_up = self->state == RD_REDIS_BUS_CONNECTED || self->state == RD_REDIS_BUS_REFUSED;
  stats->pending = rd_redis_outbox_get_pending (self->outbox, &stats->pending_bytes);
}

static void
rd_redis_bus_finalize (GObject *object)
{
  RdRedisBus *self = RD_REDIS_BUS (object);

  rd_redis_writer_free (self->writer);
  g_clear_pointer (&self->follower, rd_redis_follower_free);
  g_clear_pointer (&self->stream, rd_redis_stream_free);
  g_clear_pointer (&self->echoes, rd_redis_echoes_free);
  rd_redis_turn_free (self->turn);
  rd_redis_outbox_free (self->outbox);
  g_object_unref (self->redis);
  g_free (self->reason);
  g_free (self->history);
  g_free (self->channel);
  g_free (self->node);
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
}

RdBus *
rd_redis_bus_new (RdRedis *redis, const RdRedisBusOptions *options)
{
  RdRedisBus *self = g_object_new (RD_TYPE_REDIS_BUS, NULL);

  self->redis = g_object_ref (redis);
  self->options = *options;
  self->node = g_strdup (options->node);
  self->channel = g_strdup (options->channel);
  self->history = g_strdup_printf ("%" G_GUINT64_FORMAT, options->history);
  self->since_us = g_get_real_time ();
  self->reason = g_strdup (_ ("not connected yet"));
  self->outbox = rd_redis_outbox_new (options->buffer_size,
                                      options->mode == RD_REDIS_STREAM ? RD_REDIS_KEEP_US : 0);
  self->writer = rd_redis_writer_new (redis, self->outbox, &writer_events, self);
  self->turn = rd_redis_turn_new (redis, options->node, &turn_events, self);
  if (options->mode == RD_REDIS_PUBSUB)
    {
      self->echoes = rd_redis_echoes_new (ECHOES_MAX_BYTES);
    }
  else
    {
      self->stream = rd_redis_stream_new (options->node);
      self->follower = rd_redis_follower_new (redis, self->stream, STREAM_KEY, options->batch_size,
                                              options->max_message, &follower_events, self);
    }

  g_signal_connect_object (redis, "up", G_CALLBACK (on_up), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (redis, "down", G_CALLBACK (on_down), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (redis, "pushed", G_CALLBACK (on_pushed), self, G_CONNECT_SWAPPED);
  return RD_BUS (self);
}
