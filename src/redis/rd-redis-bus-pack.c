/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Takes the bus from one process to the next. Each part writes itself down; here are the bus' own
 * words, and what becomes of all that where the next process is told to use another Redis. Neither
 * connects nor disconnects. */

#include "rd-redis-bus-pack.h"

#include "rd-redis-bus-private.h"
#include "rd-redis-entry.h"
#include "rd-text.h"

#include <glib/gi18n.h>
#include <inttypes.h>
#include <string.h>

/* Where and as whom; times, and why Redis is away; what was said of it; what was composed last;
 * statistics; and the parts. */
#define PACKED_FORMAT                                                                              \
  "((&sy&s&s)(xxx&s)(bbb)t(ttttttt)@" RD_REDIS_OUTBOX_PACKED_TYPE "m@" RD_REDIS_STREAM_PACKED_TYPE \
  "m@" RD_REDIS_ECHOES_PACKED_TYPE ")"

/* What a bus says of itself on the way. */
typedef struct
{
  const char *node;
  guint8 mode;
  const char *place;
  const char *channel;
  gint64 began_us;
  gint64 away_us;
  gint64 since_us;
  const char *reason;
  gboolean is_missed;
  gboolean is_barred;
  gboolean is_short;
  guint64 taken;
  RdBusStats stats;
  GVariant *outbox; /* owned */
  GVariant *stream; /* owned, nullable */
  GVariant *echoes; /* owned, nullable */
} Packed;

static void
packed_clear (Packed *packed)
{
  g_clear_pointer (&packed->outbox, g_variant_unref);
  g_clear_pointer (&packed->stream, g_variant_unref);
  g_clear_pointer (&packed->echoes, g_variant_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Packed, packed_clear)

static void
read_packed (Packed *packed, GVariant *value)
{
  g_variant_get (
    value, PACKED_FORMAT, &packed->node, &packed->mode, &packed->place, &packed->channel,
    &packed->began_us, &packed->away_us, &packed->since_us, &packed->reason, &packed->is_missed,
    &packed->is_barred, &packed->is_short, &packed->taken, &packed->stats.connects,
    &packed->stats.sent, &packed->stats.received, &packed->stats.dropped, &packed->stats.repeated,
    &packed->stats.gaps, &packed->stats.missed, &packed->outbox, &packed->stream, &packed->echoes);
}

GVariant *
rd_redis_bus_pack (RdRedisBus *self)
{
  const RdBusStats *stats = &self->stats;

  g_return_val_if_fail (self->state == RD_REDIS_BUS_DOWN, NULL);

  return g_variant_new (
    PACKED_FORMAT, self->node, self->options.mode, rd_redis_get_place (self->redis), self->channel,
    self->follower != NULL ? rd_redis_follower_get_began_us (self->follower) : 0, self->away_us,
    self->since_us, self->reason, self->is_missed, self->is_barred, self->is_short, self->taken,
    stats->connects, stats->sent, stats->received, stats->dropped, stats->repeated, stats->gaps,
    stats->missed, rd_redis_outbox_pack (self->outbox),
    self->stream != NULL ? rd_redis_stream_pack (self->stream) : NULL,
    self->echoes != NULL ? rd_redis_echoes_pack (self->echoes) : NULL);
}

char *
rd_redis_bus_dup_packed_node (GVariant *value)
{
  g_auto (Packed) packed = { 0 };

  read_packed (&packed, value);
  return rd_redis_node_is_name (packed.node, strlen (packed.node)) ? g_strdup (packed.node) : NULL;
}

static void
say_left_behind (guint64 n)
{
  if (n > 0)
    g_warning (ngettext ("%" PRIu64 " message that waited for Redis is left behind, as another "
                         "Redis, or none, is configured now: the clients of other workers miss it",
                         "%" PRIu64 " messages that waited for Redis are left behind, as another "
                         "Redis, or none, is configured now: the clients of other workers miss "
                         "them",
                         n),
               n);
}

static gboolean
refuse (GError **error, const char *message)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, message);
  return FALSE;
}

/* Whether what one stored, or has under way, is where the other looks for it. */
static gboolean
is_same_place (const RdRedisBus *self, const Packed *packed)
{
  return packed->mode == self->options.mode
         && g_str_equal (packed->place, rd_redis_get_place (self->redis))
         && (self->echoes == NULL || g_str_equal (packed->channel, self->channel));
}

static void
begin_elsewhere (RdRedisBus *self)
{
  const guint64 left = rd_redis_outbox_clear (self->outbox);

  self->stats.dropped += left;
  say_left_behind (left);
  if (self->follower != NULL)
    rd_redis_follower_set_began_us (self->follower, self->away_us);
}

static gboolean
go_on (RdRedisBus *self, const Packed *packed, GError **error)
{
  const gint64 now_us = g_get_monotonic_time ();

  self->is_missed = packed->is_missed;
  self->is_barred = packed->is_barred;
  self->is_short = packed->is_short;
  self->since_us = CLAMP (packed->since_us, 0, g_get_real_time ());
  g_free (self->reason);
  self->reason = rd_text_printable (packed->reason, RD_REDIS_BUS_REASON_MAX_CHARS);

  if (self->stream == NULL)
    return (packed->echoes != NULL && rd_redis_echoes_unpack (self->echoes, packed->echoes, now_us))
           || refuse (error, _ ("what was published in Redis came with a content that cannot be "
                                "right; the other process is faulty"));

  rd_redis_follower_set_began_us (self->follower, CLAMP (packed->began_us, 0, now_us));
  return (packed->stream != NULL && rd_redis_stream_unpack (self->stream, packed->stream))
         || refuse (error, _ ("the position in the stream of Redis came with a content that cannot "
                              "be right; the other process is faulty"));
}

gboolean
rd_redis_bus_unpack (RdRedisBus *self, GVariant *value, GError **error)
{
  g_auto (Packed) packed = { 0 };
  guint64 dropped;

  read_packed (&packed, value);
  if (!g_str_equal (packed.node, self->node))
    return refuse (error, _ ("the state of Redis came from another worker; the other process is "
                             "faulty"));
  if (!rd_redis_outbox_unpack (self->outbox, packed.outbox, &dropped)
      || packed.taken > rd_redis_outbox_get_last (self->outbox))
    return refuse (error, _ ("the messages that wait for Redis came with a content that cannot be "
                             "right; the other process is faulty"));

  self->stats = packed.stats;
  self->stats.dropped += dropped;
  self->taken = self->answered = packed.taken;
  self->away_us = CLAMP (packed.away_us, 0, g_get_monotonic_time ());
  if (is_same_place (self, &packed))
    return go_on (self, &packed, error);

  begin_elsewhere (self);
  return TRUE;
}

gboolean
rd_redis_bus_leave_behind (GVariant *value, GError **error)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, 0);
  g_auto (Packed) packed = { 0 };
  guint64 dropped;

  read_packed (&packed, value);
  if (!rd_redis_outbox_unpack (outbox, packed.outbox, &dropped))
    return refuse (error, _ ("the messages that wait for Redis came with a content that cannot be "
                             "right; the other process is faulty"));

  say_left_behind (rd_redis_outbox_clear (outbox));
  return TRUE;
}
