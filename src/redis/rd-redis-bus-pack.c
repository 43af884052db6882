/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Serializes the bus for a new worker, which may be configured for another Redis. */

#include "rd-redis-bus-pack.h"

#include "rd-redis-bus-private.h"
#include "rd-text.h"

#include <inttypes.h>

/* Node and place; times and state; warnings that were logged; sequence number of the last message
 * that was composed; statistics; and the parts. */
#define PACKED_FORMAT                                                                              \
  "((&sy&s&s)(xxx&s)(bbb)t(ttttttt)@" RD_REDIS_OUTBOX_PACKED_TYPE "m@" RD_REDIS_STREAM_PACKED_TYPE \
  "m@" RD_REDIS_OWN_PACKED_TYPE ")"

typedef struct
{
  const char *node;
  guint8 mode;
  const char *place;
  const char *channel;
  gint64 began_us;
  gint64 down_us;
  gint64 since_us;
  const char *reason;
  gboolean is_outage_logged;
  gboolean is_denial_logged;
  gboolean is_drop_logged;
  guint64 composed;
  RdBusStats stats;
  GVariant *outbox; /* owned */
  GVariant *stream; /* owned, nullable */
  GVariant *own;    /* owned, nullable */
} Packed;

static void
packed_clear (Packed *packed)
{
  g_clear_pointer (&packed->outbox, g_variant_unref);
  g_clear_pointer (&packed->stream, g_variant_unref);
  g_clear_pointer (&packed->own, g_variant_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Packed, packed_clear)

static void
read_packed (Packed *packed, GVariant *value)
{
  g_variant_get (value, PACKED_FORMAT, &packed->node, &packed->mode, &packed->place,
                 &packed->channel, &packed->began_us, &packed->down_us, &packed->since_us,
                 &packed->reason, &packed->is_outage_logged, &packed->is_denial_logged,
                 &packed->is_drop_logged, &packed->composed, &packed->stats.connects,
                 &packed->stats.sent, &packed->stats.received, &packed->stats.dropped,
                 &packed->stats.repeated, &packed->stats.gaps, &packed->stats.missed,
                 &packed->outbox, &packed->stream, &packed->own);
}

GVariant *
rd_redis_bus_pack (RdRedisBus *self)
{
  const RdBusStats *stats = &self->stats;

  g_return_val_if_fail (self->state == RD_REDIS_BUS_DOWN, NULL);

  return g_variant_new (PACKED_FORMAT, self->options.node, self->options.mode,
                        rd_redis_get_place (self->redis), self->options.channel, self->began_us,
                        self->down_us, self->since_us, self->reason, self->is_outage_logged,
                        self->is_denial_logged, self->is_drop_logged,
                        rd_redis_outbox_get_last (self->outbox), stats->connects, stats->sent,
                        stats->received, stats->dropped, stats->repeated, stats->gaps,
                        stats->missed, rd_redis_outbox_pack (self->outbox),
                        self->stream != NULL ? rd_redis_stream_pack (self->stream) : NULL,
                        self->own != NULL ? rd_redis_own_pack (self->own) : NULL);
}

static void
log_left_behind (guint64 n)
{
  if (n > 0)
    g_warning ("Messages dropped: %" PRIu64 "; they waited for a Redis server that is no longer "
               "configured, so clients of other nodes miss them",
               n);
}

static gboolean
refuse (GError **error, const char *message)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, message);
  return FALSE;
}

/* Whether messages that were stored, or are in flight, are where this bus looks for them. */
static gboolean
is_same_place (const RdRedisBus *self, const Packed *packed)
{
  return packed->mode == self->options.mode
         && g_str_equal (packed->place, rd_redis_get_place (self->redis))
         && (self->own == NULL || g_str_equal (packed->channel, self->options.channel));
}

static void
begin_elsewhere (RdRedisBus *self)
{
  const guint64 left = rd_redis_outbox_clear (self->outbox);

  self->stats.dropped += left;
  log_left_behind (left);
  self->began_us = self->down_us;
}

static gboolean
go_on (RdRedisBus *self, const Packed *packed, GError **error)
{
  const gint64 now_us = g_get_monotonic_time ();

  self->is_outage_logged = packed->is_outage_logged;
  self->is_denial_logged = packed->is_denial_logged;
  self->is_drop_logged = packed->is_drop_logged;
  self->since_us = CLAMP (packed->since_us, 0, g_get_real_time ());
  g_free (self->reason);
  self->reason = rd_text_printable (packed->reason, RD_REDIS_BUS_REASON_MAX_CHARS);

  if (self->stream == NULL)
    return (packed->own != NULL && rd_redis_own_unpack (self->own, packed->own, now_us))
           || refuse (error, "invalid list of own publishes from the old worker");

  self->began_us = CLAMP (packed->began_us, 0, now_us);
  return (packed->stream != NULL && rd_redis_stream_unpack (self->stream, packed->stream))
         || refuse (error, "invalid stream position from the old worker");
}

gboolean
rd_redis_bus_unpack (RdRedisBus *self, GVariant *value, GError **error)
{
  g_auto (Packed) packed = { 0 };
  guint64 dropped;

  read_packed (&packed, value);
  if (!g_str_equal (packed.node, self->options.node))
    return refuse (error, "the old worker sent the state of another node");
  if (!rd_redis_outbox_unpack (self->outbox, packed.outbox, &dropped)
      || packed.composed > rd_redis_outbox_get_last (self->outbox))
    return refuse (error, "invalid list of messages for Redis from the old worker");

  self->stats = packed.stats;
  self->stats.dropped += dropped;
  self->down_us = CLAMP (packed.down_us, 0, g_get_monotonic_time ());
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
    return refuse (error, "invalid list of messages for Redis from the old worker");

  log_left_behind (rd_redis_outbox_clear (outbox));
  return TRUE;
}
