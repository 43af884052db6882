/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The senders: a hash table by name, and a list by the time they were heard of. Bounded, as every
 * worker that is started is another sender, and anybody who may write to Redis can make up more.
 * Whether a message is to be taken is not decided here. */

#include "rd-redis-senders.h"

#include "rd-redis-entry.h"

#include <string.h>

typedef struct
{
  char *node; /* owned */
  guint64 sequence;
  WsId id;
  GList link; /* in recent; data: the sender */
} Sender;

struct _RdRedisSenders
{
  GHashTable *by_node; /* char * (the sender's) -> Sender, owned */
  GQueue recent;       /* of all, the one heard of last at the end */
};

static void
sender_free (gpointer data)
{
  Sender *sender = data;

  g_free (sender->node);
  g_free (sender);
}

RdRedisSenders *
rd_redis_senders_new (void)
{
  RdRedisSenders *senders = g_new0 (RdRedisSenders, 1);

  senders->by_node = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, sender_free);
  return senders;
}

void
rd_redis_senders_free (RdRedisSenders *senders)
{
  g_hash_table_unref (senders->by_node);
  g_free (senders);
}

guint64
rd_redis_senders_find (RdRedisSenders *senders, const char *node)
{
  Sender *sender = g_hash_table_lookup (senders->by_node, node);

  if (sender == NULL)
    return 0;

  g_queue_unlink (&senders->recent, &sender->link);
  g_queue_push_tail_link (&senders->recent, &sender->link);
  return sender->sequence;
}

static gboolean
forget_oldest (RdRedisSenders *senders, WsId *forgotten)
{
  Sender *oldest;

  if (senders->recent.length < RD_REDIS_SENDERS_MAX)
    return FALSE;

  oldest = g_queue_pop_head_link (&senders->recent)->data;
  *forgotten = oldest->id;
  g_hash_table_remove (senders->by_node, oldest->node);
  return TRUE;
}

static Sender *
add (RdRedisSenders *senders, const char *node)
{
  Sender *sender = g_new0 (Sender, 1);

  sender->node = g_strdup (node);
  sender->link.data = sender;
  g_hash_table_insert (senders->by_node, sender->node, sender);
  g_queue_push_tail_link (&senders->recent, &sender->link);
  return sender;
}

gboolean
rd_redis_senders_note (RdRedisSenders *senders,
                       const char *node,
                       guint64 sequence,
                       const WsId *id,
                       WsId *forgotten)
{
  Sender *sender = g_hash_table_lookup (senders->by_node, node);
  gboolean has_forgotten = FALSE;

  if (sender == NULL)
    {
      has_forgotten = forget_oldest (senders, forgotten);
      sender = add (senders, node);
    }

  sender->sequence = sequence;
  sender->id = *id;
  return has_forgotten;
}

GVariant *
rd_redis_senders_pack (const RdRedisSenders *senders)
{
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (
    G_VARIANT_TYPE (RD_REDIS_SENDERS_PACKED_TYPE));

  for (const GList *link = senders->recent.head; link != NULL; link = link->next)
    {
      const Sender *sender = link->data;

      g_variant_builder_add (&builder, "(st(tt))", sender->node, sender->sequence, sender->id.ms,
                             sender->id.seq);
    }
  return g_variant_builder_end (&builder);
}

gboolean
rd_redis_senders_unpack (RdRedisSenders *senders, GVariant *packed)
{
  GVariantIter iter;
  const char *node;
  guint64 sequence;
  WsId id;

  if (g_variant_n_children (packed) > RD_REDIS_SENDERS_MAX)
    return FALSE;

  g_variant_iter_init (&iter, packed);
  while (g_variant_iter_next (&iter, "(&st(tt))", &node, &sequence, &id.ms, &id.seq))
    {
      Sender *sender;

      if (sequence == 0 || !rd_redis_node_is_name (node, strlen (node))
          || g_hash_table_contains (senders->by_node, node))
        return FALSE;

      sender = add (senders, node);
      sender->sequence = sequence;
      sender->id = id;
    }
  return TRUE;
}
