/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* When this worker is announced in Redis and the others are read: on a beat while Redis is up, and
 * at once where something changes that others wait for. What Redis refuses to write is tried again
 * on the next beat without a word: it is for the messages to complain. How a worker is written
 * there is not known here, and the others are kept elsewhere. */

#include "rd-redis-nodes.h"

#include "rd-redis-node.h"

#include <glib/gi18n.h>

#define INDEX_KEY "ringdown:nodes"

struct _RdRedisNodes
{
  RdRedis *redis;     /* owned */
  RdNodes *nodes;     /* owned */
  RdDrain *drain;     /* owned */
  char *id;           /* owned */
  char *key;          /* owned: of our hash */
  char *shutdown_key; /* owned */
  guint beat_id;
  gboolean has_left;
  gboolean is_counted;    /* there is a shutdown key of ours */
  gboolean is_too_many;   /* and that was said */
  gboolean is_unreadable; /* and that was said */
  GPtrArray *asked;  /* owned strings: ids whose hashes were asked for; NULL: nothing is read */
  guint n_answered;  /* of those, in order */
  GPtrArray *others; /* RdNode, owned: those read so far */
};

/* Tells how many clients this worker drains. */
static void
count_clients (RdRedisNodes *self)
{
  g_autoptr (RdNode) node = rd_nodes_dup_self (self->nodes);
  g_autofree char *clients = g_strdup_printf ("%u", node->clients);

  self->is_counted = TRUE;
  rd_redis_call (self->redis, NULL, NULL, "SET", self->shutdown_key, clients, "EX",
                 RD_REDIS_SHUTDOWN_TTL, NULL);
}

static void
stop_counting (RdRedisNodes *self)
{
  if (self->is_counted)
    rd_redis_call (self->redis, NULL, NULL, "DEL", self->shutdown_key, NULL);
  self->is_counted = FALSE;
}

static void
announce (RdRedisNodes *self)
{
  g_autoptr (RdNode) node = rd_nodes_dup_self (self->nodes);
  g_autofree char *pid = g_strdup_printf ("%u", node->pid);
  g_autofree char *clients = g_strdup_printf ("%u", node->clients);

  /* a server that is out of memory refuses the rest, but we are here all the same */
  rd_redis_call (self->redis, NULL, NULL, "EXPIRE", self->key, RD_REDIS_NODES_TTL, NULL);

  /* all or nothing: without its TTL the hash would outlive us for ever */
  rd_redis_call (self->redis, NULL, NULL, "MULTI", NULL);
  rd_redis_call (self->redis, NULL, NULL, "HSET", self->key, "host", node->host, "pid", pid,
                 "instance", node->instance, "state", node->state, "clients", clients, "version",
                 node->version, NULL);
  rd_redis_call (self->redis, NULL, NULL, "EXPIRE", self->key, RD_REDIS_NODES_TTL, NULL);
  rd_redis_call (self->redis, NULL, NULL, "SADD", INDEX_KEY, self->id, NULL);
  rd_redis_call (self->redis, NULL, NULL, "EXEC", NULL);
}

static void
stop_reading (RdRedisNodes *self)
{
  g_clear_pointer (&self->asked, g_ptr_array_unref);
  g_clear_pointer (&self->others, g_ptr_array_unref);
  self->n_answered = 0;
}

static void
finish_reading_when_complete (RdRedisNodes *self)
{
  if (self->n_answered < self->asked->len)
    return;

  rd_nodes_set_others (self->nodes, g_steal_pointer (&self->others));
  stop_reading (self);
}

static void
on_node (const redisReply *reply, gpointer user_data)
{
  RdRedisNodes *self = user_data;
  const char *id = g_ptr_array_index (self->asked, self->n_answered++);
  RdNode *node;

  switch (rd_redis_node_parse (id, reply, &node))
    {
    case RD_REDIS_NODE_HERE:
      g_ptr_array_add (self->others, node);
      break;
    case RD_REDIS_NODE_GONE: /* without having left; one that is here after all comes back */
      rd_redis_call (self->redis, NULL, NULL, "SREM", INDEX_KEY, id, NULL);
      break;
    case RD_REDIS_NODE_UNKNOWN:
      break;
    }

  finish_reading_when_complete (self);
}

static void
ask_for (RdRedisNodes *self, const redisReply *member)
{
  g_autofree char *id = rd_redis_node_parse_id (member);
  g_autofree char *key = NULL;

  if (id == NULL || g_str_equal (id, self->id))
    return;

  key = rd_redis_node_dup_key (id);
  g_ptr_array_add (self->asked, g_steal_pointer (&id));
  rd_redis_call (self->redis, on_node, self, "HMGET", key, RD_REDIS_NODE_FIELDS, NULL);
}

static void
say_if_too_many (RdRedisNodes *self, gboolean is_too_many)
{
  if (is_too_many && !self->is_too_many)
    g_warning (_ ("More than %d workers are announced in Redis: not all of them are listed"),
               RD_REDIS_NODES_MAX);
  self->is_too_many = is_too_many;
}

static void
say_if_unreadable (RdRedisNodes *self, const redisReply *reply)
{
  const gboolean is_unreadable = reply->type == REDIS_REPLY_ERROR;

  if (is_unreadable && !self->is_unreadable)
    {
      g_autofree char *reason = rd_redis_error_dup_words (reply);

      g_warning (
        _ ("The list of workers in Redis cannot be read: %s; the other workers are not shown"),
        reason);
    }
  self->is_unreadable = is_unreadable;
}

static void
on_members (const redisReply *reply, gpointer user_data)
{
  RdRedisNodes *self = user_data;
  const gsize count = reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;

  say_if_unreadable (self, reply);
  say_if_too_many (self, count > RD_REDIS_NODES_MAX);
  for (gsize i = 0; i < MIN (count, RD_REDIS_NODES_MAX); i++)
    ask_for (self, reply->element[i]);
  finish_reading_when_complete (self);
}

/* One pass at a time: a server that is slow is not asked for more. */
static void
begin_reading (RdRedisNodes *self)
{
  g_autofree char *limit = g_strdup_printf ("%d", RD_REDIS_NODES_MAX + 1);

  if (self->asked != NULL)
    return;

  self->asked = g_ptr_array_new_with_free_func (g_free);
  self->others = g_ptr_array_new_with_free_func ((GDestroyNotify) rd_node_free);
  /* unlike SMEMBERS it has a limit */
  rd_redis_call (self->redis, on_members, self, "SRANDMEMBER", INDEX_KEY, limit, NULL);
}

static gboolean
on_beat (gpointer user_data)
{
  RdRedisNodes *self = user_data;

  announce (self);
  if (self->is_counted)
    count_clients (self);
  begin_reading (self);
  return G_SOURCE_CONTINUE;
}

static void
on_up (RdRedisNodes *self)
{
  if (self->has_left)
    return;

  self->beat_id = g_timeout_add_seconds (RD_REDIS_NODES_BEAT_S, on_beat, self);
  on_beat (self);
}

/* What was read is not known to be so any more. */
static void
on_down (RdRedisNodes *self)
{
  g_clear_handle_id (&self->beat_id, g_source_remove);
  stop_reading (self);
  rd_nodes_set_others (self->nodes, g_ptr_array_new_with_free_func ((GDestroyNotify) rd_node_free));
}

static void
on_drain_state (RdRedisNodes *self)
{
  if (self->has_left)
    return;

  if (rd_drain_is_running (self->drain))
    stop_counting (self);
  announce (self);
}

static void
on_drain_progress (RdRedisNodes *self)
{
  if (!self->has_left)
    count_clients (self);
}

RdRedisNodes *
rd_redis_nodes_new (RdRedis *redis, RdNodes *nodes, RdDrain *drain)
{
  g_autoptr (RdNode) node = rd_nodes_dup_self (nodes);
  RdRedisNodes *self = g_new0 (RdRedisNodes, 1);

  self->redis = g_object_ref (redis);
  self->nodes = g_object_ref (nodes);
  self->drain = g_object_ref (drain);
  self->id = g_strdup (node->id);
  self->key = rd_redis_node_dup_key (node->id);
  self->shutdown_key = g_strdup_printf ("shutdown:%u", node->pid);
  g_signal_connect_swapped (redis, "up", G_CALLBACK (on_up), self);
  g_signal_connect_swapped (redis, "down", G_CALLBACK (on_down), self);
  g_signal_connect_swapped (drain, "notify::state", G_CALLBACK (on_drain_state), self);
  g_signal_connect_swapped (drain, "progress", G_CALLBACK (on_drain_progress), self);
  if (rd_redis_is_up (redis))
    on_up (self);
  return self;
}

void
rd_redis_nodes_free (RdRedisNodes *self)
{
  g_clear_handle_id (&self->beat_id, g_source_remove);
  g_signal_handlers_disconnect_by_data (self->redis, self);
  g_signal_handlers_disconnect_by_data (self->drain, self);
  stop_reading (self);
  g_free (self->shutdown_key);
  g_free (self->key);
  g_free (self->id);
  g_object_unref (self->drain);
  g_object_unref (self->nodes);
  g_object_unref (self->redis);
  g_free (self);
}

void
rd_redis_nodes_leave (RdRedisNodes *self)
{
  if (self->has_left)
    return;

  self->has_left = TRUE;
  g_clear_handle_id (&self->beat_id, g_source_remove);
  stop_counting (self);
  rd_redis_call (self->redis, NULL, NULL, "DEL", self->key, NULL);
  rd_redis_call (self->redis, NULL, NULL, "SREM", INDEX_KEY, self->id, NULL);
}
