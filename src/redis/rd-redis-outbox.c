/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The outbox: a table of messages by sequence number, divided into three ranges. When messages
 * change their state, only the boundary between two ranges moves. */

#include "rd-redis-outbox.h"

/* A serialized message without its payload; all payloads are stored in one array. */
typedef struct
{
  guint64 opcode;
  gint64 stored_us; /* 0: Redis has not stored the message */
  guint64 size;
} Packed;

/* Maximum valid stored_us: calculations with a later time could overflow. */
#define LATEST_US (G_MAXINT64 / 2)

/* Sequence numbers: stored [first, pending), in flight [pending, queued), queued [queued, next) */
struct _RdRedisOutbox
{
  gsize max_bytes;
  gint64 keep_us;

  GHashTable *messages; /* sequence -> RdRedisOutgoing, owned */
  guint64 first;
  guint64 pending;
  guint64 queued;
  guint64 next;
  guint64 taken; /* highest sequence number ever sent */

  gsize bytes;
  gsize pending_bytes; /* size of the messages not yet stored in Redis */
};

static void
outgoing_free (gpointer data)
{
  RdRedisOutgoing *outgoing = data;

  g_bytes_unref (outgoing->data);
  g_free (outgoing);
}

RdRedisOutbox *
rd_redis_outbox_new (gsize max_bytes, gint64 keep_us)
{
  RdRedisOutbox *outbox = g_new0 (RdRedisOutbox, 1);

  outbox->max_bytes = max_bytes;
  outbox->keep_us = keep_us;
  outbox->messages = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, outgoing_free);
  outbox->first = outbox->pending = outbox->queued = outbox->next = 1;
  return outbox;
}

void
rd_redis_outbox_skip_ahead (RdRedisOutbox *outbox)
{
  g_assert (outbox->first == outbox->next);
  outbox->first = outbox->pending = outbox->queued = outbox->next = g_get_real_time ();
}

static RdRedisOutgoing *
get_message (const RdRedisOutbox *outbox, guint64 sequence)
{
  return g_hash_table_lookup (outbox->messages, &sequence);
}

static gsize
cost_of (const RdRedisOutgoing *outgoing)
{
  return g_bytes_get_size (outgoing->data) + RD_REDIS_OUTGOING_COST;
}

/* Removes messages with sequence numbers below @end. */
static void
drop_before (RdRedisOutbox *outbox, guint64 end)
{
  for (; outbox->first < end; outbox->first++)
    {
      RdRedisOutgoing *outgoing = get_message (outbox, outbox->first);

      outbox->bytes -= cost_of (outgoing);
      if (outbox->first >= outbox->pending)
        outbox->pending_bytes -= cost_of (outgoing);
      g_hash_table_remove (outbox->messages, &outbox->first);
    }
  outbox->pending = MAX (outbox->pending, end);
  outbox->queued = MAX (outbox->queued, end);
}

void
rd_redis_outbox_free (RdRedisOutbox *outbox)
{
  g_hash_table_unref (outbox->messages);
  g_free (outbox);
}

/* Records that Redis has stored the messages with sequence numbers below @end, but no others. */
static void
set_pending (RdRedisOutbox *outbox, guint64 end, gint64 now_us)
{
  for (; outbox->pending < end; outbox->pending++)
    {
      RdRedisOutgoing *outgoing = get_message (outbox, outbox->pending);

      outgoing->stored_us = now_us;
      outbox->pending_bytes -= cost_of (outgoing);
    }
  for (; outbox->pending > end; outbox->pending--)
    outbox->pending_bytes += cost_of (get_message (outbox, outbox->pending - 1));
}

/* Adds a message at the end. @data: (transfer full). Returns: (transfer none). */
static RdRedisOutgoing *
append (RdRedisOutbox *outbox, WsOpcode opcode, GBytes *data)
{
  RdRedisOutgoing *outgoing = g_new (RdRedisOutgoing, 1);

  *outgoing = (RdRedisOutgoing){ .sequence = outbox->next++, .opcode = opcode, .data = data };
  g_hash_table_insert (outbox->messages, &outgoing->sequence, outgoing);
  outbox->bytes += cost_of (outgoing);
  outbox->pending_bytes += cost_of (outgoing);
  return outgoing;
}

/* Removes the oldest messages until the size limit is met. Returns: the number of removed messages
 * that Redis had not stored. */
static guint64
fit (RdRedisOutbox *outbox)
{
  const guint64 pending = outbox->pending;

  while (outbox->bytes > outbox->max_bytes)
    drop_before (outbox, outbox->first + 1);
  return outbox->pending - pending;
}

guint
rd_redis_outbox_push (RdRedisOutbox *outbox, WsOpcode opcode, gconstpointer data, gsize size)
{
  if (size > outbox->max_bytes || RD_REDIS_OUTGOING_COST > outbox->max_bytes - size)
    return 1;

  append (outbox, opcode, g_bytes_new (data, size));
  return fit (outbox);
}

const RdRedisOutgoing *
rd_redis_outbox_take (RdRedisOutbox *outbox)
{
  if (outbox->queued == outbox->next)
    return NULL;

  outbox->taken = MAX (outbox->taken, outbox->queued);
  return get_message (outbox, outbox->queued++);
}

void
rd_redis_outbox_stored (RdRedisOutbox *outbox, gint64 now_us)
{
  set_pending (outbox, outbox->queued, now_us);
  rd_redis_outbox_expire (outbox, now_us);
}

void
rd_redis_outbox_refused (RdRedisOutbox *outbox)
{
  outbox->queued = outbox->pending;
}

guint
rd_redis_outbox_abandon (RdRedisOutbox *outbox)
{
  const guint in_flight = outbox->queued - outbox->pending;

  drop_before (outbox, outbox->queued);
  return in_flight;
}

void
rd_redis_outbox_resume (RdRedisOutbox *outbox, guint64 sequence, gint64 now_us)
{
  const guint64 end = MIN (sequence, outbox->taken) + 1;

  set_pending (outbox, MAX (end, outbox->first), now_us);
  outbox->queued = outbox->pending;
}

gboolean
rd_redis_outbox_expire (RdRedisOutbox *outbox, gint64 heard_us)
{
  while (outbox->first < outbox->pending
         && get_message (outbox, outbox->first)->stored_us + outbox->keep_us <= heard_us)
    drop_before (outbox, outbox->first + 1);
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

guint64
rd_redis_outbox_clear (RdRedisOutbox *outbox)
{
  const guint64 pending = outbox->next - outbox->pending;

  drop_before (outbox, outbox->next);
  return pending;
}

GVariant *
rd_redis_outbox_pack (const RdRedisOutbox *outbox)
{
  const guint64 n = outbox->next - outbox->first;
  g_autofree Packed *packed = g_new (Packed, n);
  GByteArray *payloads = g_byte_array_new ();
  g_autoptr (GBytes) all = NULL;

  for (guint64 i = 0; i < n; i++)
    {
      const guint64 sequence = outbox->first + i;
      const RdRedisOutgoing *outgoing = get_message (outbox, sequence);
      gsize size;
      const guint8 *data = g_bytes_get_data (outgoing->data, &size);

      packed[i] = (Packed){ .opcode = outgoing->opcode,
                            .stored_us = sequence < outbox->pending ? outgoing->stored_us : 0,
                            .size = size };
      g_byte_array_append (payloads, data, size);
    }

  all = g_byte_array_free_to_bytes (payloads);
  return g_variant_new (
    "(tttt@a(txt)@ay)", outbox->first, outbox->pending, outbox->queued, outbox->taken,
    g_variant_new_fixed_array (G_VARIANT_TYPE ("(txt)"), packed, n, sizeof *packed),
    g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, all, TRUE));
}

/* Returns: whether the ranges are in order and contain @n messages. */
static gboolean
has_order (guint64 first, guint64 pending, guint64 queued, guint64 taken, gsize n)
{
  return first > 0 && n < G_MAXUINT64 - first && first <= pending && pending <= queued
         && queued <= first + n && taken < first + n;
}

/* Appends @n messages. Returns: whether all are valid and their total size is @size. */
static gboolean
append_all (RdRedisOutbox *outbox, const Packed *packed, gsize n, const guint8 *data, gsize size)
{
  for (gsize i = 0; i < n; i++)
    {
      if (packed[i].size > size || packed[i].stored_us < 0 || packed[i].stored_us > LATEST_US
          || (packed[i].opcode != WS_OPCODE_TEXT && packed[i].opcode != WS_OPCODE_BINARY))
        return FALSE;

      append (outbox, packed[i].opcode, g_bytes_new (data, packed[i].size))->stored_us
        = packed[i].stored_us;
      data += packed[i].size;
      size -= packed[i].size;
    }
  return size == 0;
}

gboolean
rd_redis_outbox_unpack (RdRedisOutbox *outbox, GVariant *packed, guint64 *dropped)
{
  g_autoptr (GVariant) messages = NULL;
  g_autoptr (GVariant) payloads = NULL;
  guint64 first, pending, queued, taken;
  const Packed *all;
  gconstpointer data;
  gsize n, size;

  g_variant_get (packed, "(tttt@a(txt)@ay)", &first, &pending, &queued, &taken, &messages,
                 &payloads);
  all = g_variant_get_fixed_array (messages, &n, sizeof *all);
  data = g_variant_get_fixed_array (payloads, &size, 1);
  if (!has_order (first, pending, queued, taken, n))
    return FALSE;

  outbox->first = outbox->pending = outbox->queued = outbox->next = first;
  if (!append_all (outbox, all, n, data, size))
    return FALSE;

  for (; outbox->pending < pending; outbox->pending++)
    outbox->pending_bytes -= cost_of (get_message (outbox, outbox->pending));
  outbox->queued = queued;
  outbox->taken = taken;
  *dropped = fit (outbox);
  return TRUE;
}
