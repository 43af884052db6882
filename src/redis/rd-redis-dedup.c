/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The dedup table (a hash table and an LRU list), and the list of messages that this node has
 * published. The table has a size limit, since each new node adds an entry, and any client of Redis
 * can invent node names. */

#include "rd-redis-dedup.h"

#include <string.h>

typedef struct
{
  char *node; /* owned */
  guint64 sequence;
  WsId id;
  GList link; /* element of RdRedisDedup.recent; its data is this struct */
} Sender;

struct _RdRedisDedup
{
  GHashTable *by_node; /* Sender.node -> Sender, owned */
  GQueue recent;       /* Sender, unowned; the most recently seen at the tail */
};

typedef struct
{
  guint64 sequence;
  GBytes *data;       /* owned */
  gint64 deadline_us; /* monotonic expiry time; G_MAXINT64: none */
} Publish;

struct _RdRedisOwn
{
  GQueue queue; /* (element-type Publish), owned; in order of sequence number */
  gsize bytes;
  gsize max_bytes;
};

gboolean
rd_redis_is_node_name (const char *name, gsize size)
{
  for (gsize i = 0; i < size; i++)
    if (!g_ascii_isgraph (name[i]))
      return FALSE;

  return size > 0 && size <= RD_REDIS_NODE_MAX;
}

/* Dedup table */

static void
sender_free (gpointer data)
{
  Sender *sender = data;

  g_free (sender->node);
  g_free (sender);
}

RdRedisDedup *
rd_redis_dedup_new (void)
{
  RdRedisDedup *dedup = g_new0 (RdRedisDedup, 1);

  dedup->by_node = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, sender_free);
  return dedup;
}

void
rd_redis_dedup_free (RdRedisDedup *dedup)
{
  g_hash_table_unref (dedup->by_node);
  g_free (dedup);
}

guint64
rd_redis_dedup_find (RdRedisDedup *dedup, const char *node)
{
  Sender *sender = g_hash_table_lookup (dedup->by_node, node);

  if (sender == NULL)
    return 0;

  g_queue_unlink (&dedup->recent, &sender->link);
  g_queue_push_tail_link (&dedup->recent, &sender->link);
  return sender->sequence;
}

static gboolean
remove_oldest (RdRedisDedup *dedup, WsId *removed)
{
  Sender *oldest;

  if (dedup->recent.length < RD_REDIS_DEDUP_MAX)
    return FALSE;

  oldest = g_queue_pop_head_link (&dedup->recent)->data;
  *removed = oldest->id;
  g_hash_table_remove (dedup->by_node, oldest->node);
  return TRUE;
}

gboolean
rd_redis_dedup_set (RdRedisDedup *dedup,
                    const char *node,
                    guint64 sequence,
                    const WsId *id,
                    WsId *removed)
{
  Sender *sender = g_hash_table_lookup (dedup->by_node, node);
  gboolean has_removed = FALSE;

  if (sender == NULL)
    {
      has_removed = remove_oldest (dedup, removed);
      sender = g_new0 (Sender, 1);
      sender->node = g_strdup (node);
      sender->link.data = sender;
      g_hash_table_insert (dedup->by_node, sender->node, sender);
      g_queue_push_tail_link (&dedup->recent, &sender->link);
    }

  sender->sequence = sequence;
  sender->id = *id;
  return has_removed;
}

GVariant *
rd_redis_dedup_pack (const RdRedisDedup *dedup)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE (RD_REDIS_DEDUP_PACKED_TYPE));

  for (const GList *link = dedup->recent.head; link != NULL; link = link->next)
    {
      const Sender *sender = link->data;

      g_variant_builder_add (&builder, "(st(tt))", sender->node, sender->sequence, sender->id.ms,
                             sender->id.seq);
    }
  return g_variant_builder_end (&builder);
}

gboolean
rd_redis_dedup_unpack (RdRedisDedup *dedup, GVariant *packed)
{
  GVariantIter iter;
  const char *node;
  guint64 sequence;
  WsId id;

  if (g_variant_n_children (packed) > RD_REDIS_DEDUP_MAX)
    return FALSE;

  g_variant_iter_init (&iter, packed);
  while (g_variant_iter_next (&iter, "(&st(tt))", &node, &sequence, &id.ms, &id.seq))
    {
      if (sequence == 0 || !rd_redis_is_node_name (node, strlen (node))
          || g_hash_table_contains (dedup->by_node, node))
        return FALSE;

      rd_redis_dedup_set (dedup, node, sequence, &id, NULL);
    }
  return TRUE;
}

/* Messages that this node has published */

RdRedisOwn *
rd_redis_own_new (gsize max_bytes)
{
  RdRedisOwn *own = g_new0 (RdRedisOwn, 1);

  own->max_bytes = max_bytes;
  return own;
}

static gsize
cost_of (const Publish *publish)
{
  return sizeof *publish + g_bytes_get_size (publish->data);
}

static void
drop (RdRedisOwn *own, GList *link)
{
  Publish *publish = link->data;

  g_queue_delete_link (&own->queue, link);
  own->bytes -= cost_of (publish);
  g_bytes_unref (publish->data);
  g_free (publish);
}

void
rd_redis_own_free (RdRedisOwn *own)
{
  rd_redis_own_remove_after (own, 0);
  g_free (own);
}

static void
push (RdRedisOwn *own, guint64 sequence, GBytes *data, gint64 deadline_us)
{
  Publish *publish = g_new (Publish, 1);

  *publish = (Publish){ sequence, g_bytes_ref (data), deadline_us };
  own->bytes += cost_of (publish);
  g_queue_push_tail (&own->queue, publish);
  while (own->bytes > own->max_bytes)
    drop (own, own->queue.head);
}

void
rd_redis_own_add (RdRedisOwn *own, const RdRedisOutgoing *outgoing)
{
  push (own, outgoing->sequence, outgoing->data, G_MAXINT64);
}

void
rd_redis_own_remove_after (RdRedisOwn *own, guint64 sequence)
{
  GList *link;

  while ((link = own->queue.tail) != NULL && ((Publish *) link->data)->sequence > sequence)
    drop (own, link);
}

void
rd_redis_own_disconnect (RdRedisOwn *own, guint64 sequence, gint64 now_us)
{
  GList *link;

  while ((link = own->queue.head) != NULL && ((Publish *) link->data)->sequence <= sequence)
    drop (own, link);

  for (; link != NULL; link = link->next)
    {
      Publish *publish = link->data;

      publish->deadline_us = MIN (publish->deadline_us, now_us + RD_REDIS_OWN_US);
    }
}

gboolean
rd_redis_own_match (RdRedisOwn *own, gconstpointer data, gsize size, gint64 now_us)
{
  g_autoptr (GBytes) message = g_bytes_new_static (data, size);
  GList *link;

  while ((link = own->queue.head) != NULL && ((Publish *) link->data)->deadline_us <= now_us)
    drop (own, link);

  /* Usually the first message matches. */
  while (link != NULL && !g_bytes_equal (((Publish *) link->data)->data, message))
    link = link->next;
  if (link == NULL)
    return FALSE;

  drop (own, link);
  return TRUE;
}

GVariant *
rd_redis_own_pack (const RdRedisOwn *own)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE (RD_REDIS_OWN_PACKED_TYPE));

  for (const GList *link = own->queue.head; link != NULL; link = link->next)
    {
      const Publish *publish = link->data;

      g_variant_builder_add (
        &builder, "(tx@ay)", publish->sequence, publish->deadline_us,
        g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, publish->data, TRUE));
    }
  return g_variant_builder_end (&builder);
}

gboolean
rd_redis_own_unpack (RdRedisOwn *own, GVariant *packed, gint64 now_us)
{
  guint64 last = 0;

  for (gsize i = 0; i < g_variant_n_children (packed); i++)
    {
      g_autoptr (GVariant) child = NULL;
      g_autoptr (GBytes) data = NULL;
      guint64 sequence;
      gint64 deadline_us;

      g_variant_get_child (packed, i, "(tx@ay)", &sequence, &deadline_us, &child);
      if (sequence <= last || deadline_us < 0)
        return FALSE;

      last = sequence;
      data = g_bytes_new (g_variant_get_data (child), g_variant_get_size (child));
      push (own, sequence, data, MIN (deadline_us, now_us + RD_REDIS_OWN_US));
    }
  return TRUE;
}
