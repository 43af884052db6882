/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The outbox: a ring of messages, found by their numbers, and three borders between the numbers.
 * What becomes of a message only moves a border; nothing is searched or copied. When to send, and
 * what Redis answers, is for others to know. */

#include "rd-redis-outbox.h"

#define CAPACITY_MIN 64 /* a power of two, as every capacity */

typedef struct
{
  RdRedisOutgoing message;
  gint64 stored_us; /* monotonic; of what is stored */
} Entry;

/* first … pending: stored; pending … waiting: under way; waiting … next: waiting */
struct _RdRedisOutbox
{
  gsize max_bytes;
  gint64 keep_us;

  Entry *ring; /* owned */
  guint64 capacity;
  guint64 first;
  guint64 pending;
  guint64 waiting;
  guint64 next;
  guint64 taken; /* the greatest number that was ever under way */

  gsize bytes;
  gsize pending_bytes; /* without those stored */
};

RdRedisOutbox *
rd_redis_outbox_new (gsize max_bytes, gint64 keep_us)
{
  RdRedisOutbox *outbox = g_new0 (RdRedisOutbox, 1);

  outbox->max_bytes = max_bytes;
  outbox->keep_us = keep_us;
  outbox->capacity = CAPACITY_MIN;
  outbox->ring = g_new (Entry, outbox->capacity);
  outbox->first = outbox->pending = outbox->waiting = outbox->next = 1;
  return outbox;
}

static inline Entry *
entry_at (const RdRedisOutbox *outbox, guint64 sequence)
{
  return &outbox->ring[sequence & (outbox->capacity - 1)];
}

static inline gsize
cost_of (const Entry *entry)
{
  return g_bytes_get_size (entry->message.data) + RD_REDIS_OUTGOING_COST;
}

void
rd_redis_outbox_free (RdRedisOutbox *outbox)
{
  for (guint64 i = outbox->first; i < outbox->next; i++)
    g_bytes_unref (entry_at (outbox, i)->message.data);
  g_free (outbox->ring);
  g_free (outbox);
}

static void
set_capacity (RdRedisOutbox *outbox, guint64 capacity)
{
  Entry *ring = g_new (Entry, capacity);

  for (guint64 i = outbox->first; i < outbox->next; i++)
    ring[i & (capacity - 1)] = *entry_at (outbox, i);
  g_free (outbox->ring);
  outbox->ring = ring;
  outbox->capacity = capacity;
}

/* Gives back what a long absence of Redis took. */
static void
shrink (RdRedisOutbox *outbox)
{
  guint64 capacity = outbox->capacity;

  while (capacity > CAPACITY_MIN && outbox->next - outbox->first < capacity / 8)
    capacity /= 2;
  if (capacity < outbox->capacity)
    set_capacity (outbox, capacity);
}

/* Lets the messages before @end go. */
static void
drop_before (RdRedisOutbox *outbox, guint64 end)
{
  for (; outbox->first < end; outbox->first++)
    {
      Entry *entry = entry_at (outbox, outbox->first);

      outbox->bytes -= cost_of (entry);
      if (outbox->first >= outbox->pending)
        outbox->pending_bytes -= cost_of (entry);
      g_bytes_unref (entry->message.data);
    }
  outbox->pending = MAX (outbox->pending, end);
  outbox->waiting = MAX (outbox->waiting, end);

  shrink (outbox);
}

/* What lies before @end is stored, the rest is not. */
static void
set_pending (RdRedisOutbox *outbox, guint64 end, gint64 now_us)
{
  for (; outbox->pending < end; outbox->pending++)
    {
      Entry *entry = entry_at (outbox, outbox->pending);

      entry->stored_us = now_us;
      outbox->pending_bytes -= cost_of (entry);
    }
  for (; outbox->pending > end; outbox->pending--)
    outbox->pending_bytes += cost_of (entry_at (outbox, outbox->pending - 1));
}

guint
rd_redis_outbox_push (RdRedisOutbox *outbox, WsOpcode opcode, gconstpointer data, gsize size)
{
  Entry *entry;
  guint64 first;
  gsize bytes;
  guint dropped;

  if (size > outbox->max_bytes || RD_REDIS_OUTGOING_COST > outbox->max_bytes - size)
    return 1;

  if (outbox->next - outbox->first == outbox->capacity)
    set_capacity (outbox, 2 * outbox->capacity);
  entry = entry_at (outbox, outbox->next);
  entry->message = (RdRedisOutgoing){ .sequence = outbox->next++,
                                      .opcode = opcode,
                                      .data = g_bytes_new (data, size) };
  outbox->bytes += cost_of (entry);
  outbox->pending_bytes += cost_of (entry);

  first = outbox->first;
  for (bytes = outbox->bytes; bytes > outbox->max_bytes; first++)
    bytes -= cost_of (entry_at (outbox, first));
  dropped = first > outbox->pending ? first - outbox->pending : 0;
  drop_before (outbox, first);
  return dropped;
}

const RdRedisOutgoing *
rd_redis_outbox_take (RdRedisOutbox *outbox)
{
  if (outbox->waiting == outbox->next)
    return NULL;

  outbox->taken = MAX (outbox->taken, outbox->waiting);
  return &entry_at (outbox, outbox->waiting++)->message;
}

void
rd_redis_outbox_stored (RdRedisOutbox *outbox, gint64 now_us)
{
  set_pending (outbox, outbox->waiting, now_us);
  rd_redis_outbox_expire (outbox, now_us);
}

void
rd_redis_outbox_refused (RdRedisOutbox *outbox)
{
  outbox->waiting = outbox->pending;
}

guint
rd_redis_outbox_abandon (RdRedisOutbox *outbox)
{
  const guint under_way = outbox->waiting - outbox->pending;

  drop_before (outbox, outbox->waiting);
  return under_way;
}

void
rd_redis_outbox_resume (RdRedisOutbox *outbox, guint64 sequence, gint64 now_us)
{
  const guint64 end = MIN (sequence, outbox->taken) + 1;

  set_pending (outbox, MAX (end, outbox->first), now_us);
  outbox->waiting = outbox->pending;
}

gboolean
rd_redis_outbox_expire (RdRedisOutbox *outbox, gint64 heard_us)
{
  guint64 end = outbox->first;

  while (end < outbox->pending && entry_at (outbox, end)->stored_us + outbox->keep_us <= heard_us)
    end++;
  drop_before (outbox, end);
  return outbox->first < outbox->pending;
}

guint64
rd_redis_outbox_get_pending (const RdRedisOutbox *outbox, gsize *bytes)
{
  if (bytes != NULL)
    *bytes = outbox->pending_bytes;
  return outbox->next - outbox->pending;
}

guint64
rd_redis_outbox_get_last (const RdRedisOutbox *outbox)
{
  return outbox->next - 1;
}
