/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Tells our own messages from those of others where they come back to us as bare text, by comparing
 * them with what was sent and has not come back. Usually that is the oldest of them. Knows no
 * channel and no connection. */

#include "rd-redis-echoes.h"

#include <string.h>

typedef struct
{
  guint64 sequence;
  GBytes *data;       /* owned */
  gint64 deadline_us; /* monotonic */
} Echo;

struct _RdRedisEchoes
{
  GQueue queue; /* of Echo, owned; in the order of their sequence */
  gsize bytes;
  gsize max_bytes;
};

RdRedisEchoes *
rd_redis_echoes_new (gsize max_bytes)
{
  RdRedisEchoes *echoes = g_new0 (RdRedisEchoes, 1);

  g_queue_init (&echoes->queue);
  echoes->max_bytes = max_bytes;
  return echoes;
}

static void
drop (RdRedisEchoes *echoes, GList *link)
{
  Echo *echo = link->data;

  g_queue_delete_link (&echoes->queue, link);
  echoes->bytes -= sizeof *echo + g_bytes_get_size (echo->data);
  g_bytes_unref (echo->data);
  g_free (echo);
}

void
rd_redis_echoes_free (RdRedisEchoes *echoes)
{
  rd_redis_echoes_forget_after (echoes, 0);
  g_free (echoes);
}

static void
expire (RdRedisEchoes *echoes, gint64 now_us)
{
  GList *link;

  while ((link = echoes->queue.head) != NULL
         && (((Echo *) link->data)->deadline_us <= now_us || echoes->bytes > echoes->max_bytes))
    drop (echoes, link);
}

static void
push (RdRedisEchoes *echoes, guint64 sequence, GBytes *data, gint64 deadline_us)
{
  Echo *echo = g_new (Echo, 1);

  echo->sequence = sequence;
  echo->data = g_bytes_ref (data);
  echo->deadline_us = deadline_us;
  echoes->bytes += sizeof *echo + g_bytes_get_size (echo->data);
  g_queue_push_tail (&echoes->queue, echo);
  expire (echoes, 0);
}

void
rd_redis_echoes_expect (RdRedisEchoes *echoes, const RdRedisOutgoing *outgoing)
{
  push (echoes, outgoing->sequence, outgoing->data, G_MAXINT64);
}

void
rd_redis_echoes_forget_after (RdRedisEchoes *echoes, guint64 sequence)
{
  GList *link;

  while ((link = echoes->queue.tail) != NULL && ((Echo *) link->data)->sequence > sequence)
    drop (echoes, link);
}

void
rd_redis_echoes_disconnect (RdRedisEchoes *echoes, guint64 sequence, gint64 now_us)
{
  GList *link;

  while ((link = echoes->queue.head) != NULL && ((Echo *) link->data)->sequence <= sequence)
    drop (echoes, link);

  for (; link != NULL; link = link->next)
    {
      Echo *echo = link->data;

      echo->deadline_us = MIN (echo->deadline_us, now_us + RD_REDIS_ECHO_US);
    }
}

gboolean
rd_redis_echoes_match (RdRedisEchoes *echoes, gconstpointer data, gsize size, gint64 now_us)
{
  expire (echoes, now_us);
  for (GList *link = echoes->queue.head; link != NULL; link = link->next)
    {
      const Echo *echo = link->data;

      if (g_bytes_get_size (echo->data) != size
          || (size > 0 && memcmp (g_bytes_get_data (echo->data, NULL), data, size) != 0))
        continue;

      drop (echoes, link);
      return TRUE;
    }

  return FALSE;
}

GVariant *
rd_redis_echoes_pack (const RdRedisEchoes *echoes)
{
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (
    G_VARIANT_TYPE (RD_REDIS_ECHOES_PACKED_TYPE));

  for (const GList *link = echoes->queue.head; link != NULL; link = link->next)
    {
      const Echo *echo = link->data;

      g_variant_builder_add (
        &builder, "(tx@ay)", echo->sequence, echo->deadline_us,
        g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, echo->data, TRUE));
    }
  return g_variant_builder_end (&builder);
}

gboolean
rd_redis_echoes_unpack (RdRedisEchoes *echoes, GVariant *packed, gint64 now_us)
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
      push (echoes, sequence, data, MIN (deadline_us, now_us + RD_REDIS_ECHO_US));
    }
  return TRUE;
}
