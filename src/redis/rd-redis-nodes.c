/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The registry of nodes in Redis. Writes the state of this node and reads the other nodes at
 * regular intervals; writes a change of the drain state at once. After each interval, emits the
 * first error reply with the signal "refused" of #RdRedis. */

#include "rd-redis-nodes.h"

#include "rd-text.h"

#include <string.h>

#define INDEX_KEY       "ringdown:nodes"
#define ID_MAX          64 /* bytes */
#define TEXT_MAX_CHARS  255
#define STATE_MAX_CHARS 40

/* Indexes of RD_REDIS_NODE_FIELDS. */
enum
{
  FIELD_HOST,
  FIELD_PID,
  FIELD_INSTANCE,
  FIELD_STATE,
  FIELD_CLIENTS,
  FIELD_VERSION,
  N_FIELDS,
};

struct _RdRedisNodes
{
  RdRedis *redis;       /* owned */
  RdNodes *nodes;       /* owned */
  RdDrain *drain;       /* owned */
  char *id;             /* owned */
  char *key;            /* owned: key of the hash of this node */
  char *shutdown_key;   /* owned: "shutdown:<pid>" */
  char *shutdown_value; /* owned: last value set by this node; NULL: not set */
  guint timer_id;
  gboolean is_counting; /* during a drain: shutdown_key must contain our client count */
  gboolean is_updating; /* an update of shutdown_key in Redis is pending */
  gboolean is_outdated; /* another update must follow the pending one */
  gboolean is_too_many; /* the last list had more than RD_REDIS_NODES_MAX nodes */
  char *refusal;        /* owned: first error reply of this interval; NULL: none */
  gboolean is_queued;   /* the server has accepted MULTI */
  GPtrArray *others;    /* RdNode, owned: nodes read so far; NULL: no read is in progress */
  GQueue asked;         /* char *, owned: ids of nodes whose HMGET is pending, oldest first */
};

/* Keeps the first error. */
static void
on_reply (const redisReply *reply, gpointer user_data)
{
  RdRedisNodes *self = user_data;

  if (reply->type == REDIS_REPLY_ERROR && self->refusal == NULL)
    self->refusal = rd_redis_error_dup_words (reply);
}

/* This node */

static void update_shutdown_key (RdRedisNodes *self);

static void
finish_update (RdRedisNodes *self)
{
  self->is_updating = FALSE;
  if (self->is_outdated)
    update_shutdown_key (self);
}

static void
on_shutdown_set (const redisReply *reply, gpointer user_data)
{
  RdRedisNodes *self = user_data;

  on_reply (reply, self);
  if (reply->type != REDIS_REPLY_STATUS) /* refused, or another process has set the key */
    g_clear_pointer (&self->shutdown_value, g_free);
  finish_update (self);
}

static void
set_shutdown_key (RdRedisNodes *self, gboolean is_new)
{
  const RdNode *node = rd_nodes_get_own (self->nodes);

  g_free (self->shutdown_value);
  self->shutdown_value = g_strdup_printf ("%u", node->clients);
  rd_redis_call (self->redis, on_shutdown_set, self, "SET", self->shutdown_key,
                 self->shutdown_value, "EX", RD_REDIS_SHUTDOWN_TTL, is_new ? "NX" : NULL, NULL);
}

/* Handles the reply to GET. The key is ours if its value is the last one that this node set. */
static void
on_shutdown_key (const redisReply *reply, gpointer user_data)
{
  RdRedisNodes *self = user_data;
  const gboolean is_free = reply->type == REDIS_REPLY_NIL;
  const gboolean is_ours = reply->type == REDIS_REPLY_STRING
                           && g_strcmp0 (reply->str, self->shutdown_value) == 0;

  on_reply (reply, self);
  if (self->is_counting && (is_free || is_ours))
    {
      set_shutdown_key (self, is_free);
      return;
    }

  if (is_ours)
    rd_redis_call (self->redis, on_reply, self, "DEL", self->shutdown_key, NULL);
  g_clear_pointer (&self->shutdown_value, g_free);
  finish_update (self);
}

/* Sets or deletes shutdown_key in Redis, unless another process has set it. Only one update runs at
 * a time; each begins by reading the key. */
static void
update_shutdown_key (RdRedisNodes *self)
{
  self->is_outdated = self->is_updating;
  if (self->is_updating || !rd_redis_is_up (self->redis)
      || (!self->is_counting && self->shutdown_value == NULL))
    return;

  self->is_updating = TRUE;
  rd_redis_call (self->redis, on_shutdown_key, self, "GET", self->shutdown_key, NULL);
}

/* Without MULTI, the commands that follow it are executed one by one, and EXEC fails. */
static void
on_multi (const redisReply *reply, gpointer user_data)
{
  RdRedisNodes *self = user_data;

  self->is_queued = reply->type == REDIS_REPLY_STATUS;
}

static void
on_exec (const redisReply *reply, gpointer user_data)
{
  RdRedisNodes *self = user_data;

  if (self->is_queued)
    on_reply (reply, self);
  for (gsize i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
    on_reply (reply->element[i], self);
}

static void
announce (RdRedisNodes *self)
{
  const RdNode *node = rd_nodes_get_own (self->nodes);
  g_autofree char *pid = g_strdup_printf ("%u", node->pid);
  g_autofree char *clients = g_strdup_printf ("%u", node->clients);

  /* renews the TTL even if Redis is out of memory and refuses the transaction below */
  rd_redis_call (self->redis, on_reply, self, "EXPIRE", self->key, RD_REDIS_NODES_TTL, NULL);

  /* HSET and EXPIRE are in one transaction: a hash without a TTL would never expire */
  rd_redis_call (self->redis, on_multi, self, "MULTI", NULL);
  rd_redis_call (self->redis, on_reply, self, "HSET", self->key, "host", node->host, "pid", pid,
                 "instance", node->instance, "state", node->state, "clients", clients, "version",
                 node->version, NULL);
  rd_redis_call (self->redis, on_reply, self, "EXPIRE", self->key, RD_REDIS_NODES_TTL, NULL);
  rd_redis_call (self->redis, on_reply, self, "SADD", INDEX_KEY, self->id, NULL);
  rd_redis_call (self->redis, on_exec, self, "EXEC", NULL);
}

/* Parsing the Redis hash of a node */

char *
rd_redis_node_parse_id (const redisReply *member)
{
  if (member->type != REDIS_REPLY_STRING || member->len == 0 || member->len > ID_MAX)
    return NULL;

  return strspn (member->str, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-") == member->len
           ? g_strdup (member->str)
           : NULL;
}

char *
rd_redis_node_dup_key (const char *id)
{
  return g_strconcat ("ringdown:node:", id, NULL);
}

static char *
dup_text (const redisReply *reply, gsize max_chars)
{
  /* Copies enough for max_chars + 1 characters of up to four bytes, to detect a longer text. */
  g_autofree char *text = g_strndup (reply->str, MIN (reply->len, (max_chars + 1) * 4));

  return rd_text_printable (text, max_chars);
}

/* Returns: TRUE, or FALSE if @reply is not a decimal number of up to 32 bits. */
static gboolean
parse_number (const redisReply *reply, guint64 *number)
{
  return g_ascii_string_to_unsigned (reply->str, 10, 0, G_MAXUINT, number, NULL);
}

/* Returns: whether @reply is an array of N_FIELDS elements of @type. */
static gboolean
has_only (const redisReply *reply, int type)
{
  gsize n = 0;

  while (n < reply->elements && reply->element[n]->type == type)
    n++;
  return reply->type == REDIS_REPLY_ARRAY && reply->elements == N_FIELDS && n == N_FIELDS;
}

RdRedisNodeKind
rd_redis_node_parse (const char *id, const redisReply *reply, RdNode **node)
{
  redisReply *const *fields = reply->element;
  guint64 pid, clients;

  if (has_only (reply, REDIS_REPLY_NIL))
    return RD_REDIS_NODE_GONE;
  if (!has_only (reply, REDIS_REPLY_STRING) || !parse_number (fields[FIELD_PID], &pid)
      || !parse_number (fields[FIELD_CLIENTS], &clients))
    return RD_REDIS_NODE_INVALID;

  *node = g_new0 (RdNode, 1);
  (*node)->id = g_strdup (id);
  (*node)->host = dup_text (fields[FIELD_HOST], TEXT_MAX_CHARS);
  (*node)->pid = pid;
  (*node)->instance = dup_text (fields[FIELD_INSTANCE], TEXT_MAX_CHARS);
  (*node)->state = dup_text (fields[FIELD_STATE], STATE_MAX_CHARS);
  (*node)->clients = clients;
  (*node)->version = dup_text (fields[FIELD_VERSION], TEXT_MAX_CHARS);
  return RD_REDIS_NODE_VALID;
}

/* The other nodes */

static void
stop_reading (RdRedisNodes *self)
{
  g_queue_clear_full (&self->asked, g_free);
  g_clear_pointer (&self->others, g_ptr_array_unref);
}

static void
finish_reading_when_complete (RdRedisNodes *self)
{
  g_autofree char *refusal = NULL;

  if (!g_queue_is_empty (&self->asked))
    return;

  refusal = g_steal_pointer (&self->refusal);
  rd_nodes_set_others (self->nodes, g_steal_pointer (&self->others));
  g_signal_emit_by_name (self->redis, "refused", refusal);
}

static void
on_node (const redisReply *reply, gpointer user_data)
{
  RdRedisNodes *self = user_data;
  g_autofree char *id = g_queue_pop_head (&self->asked);
  RdNode *node;

  /* a key of another type belongs to another program */
  if (reply->type == REDIS_REPLY_ERROR && !g_str_has_prefix (reply->str, "WRONGTYPE"))
    on_reply (reply, self);
  switch (rd_redis_node_parse (id, reply, &node))
    {
    case RD_REDIS_NODE_VALID:
      g_ptr_array_add (self->others, node);
      break;
    case RD_REDIS_NODE_GONE: /* the hash has expired; a running node adds itself again */
      rd_redis_call (self->redis, on_reply, self, "SREM", INDEX_KEY, id, NULL);
      break;
    case RD_REDIS_NODE_INVALID:
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
  g_queue_push_tail (&self->asked, g_steal_pointer (&id));
  rd_redis_call (self->redis, on_node, self, "HMGET", key, RD_REDIS_NODE_FIELDS, NULL);
}

static void
on_members (const redisReply *reply, gpointer user_data)
{
  RdRedisNodes *self = user_data;
  const gsize count = reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;

  on_reply (reply, self);
  if (count > RD_REDIS_NODES_MAX && !self->is_too_many)
    g_warning ("More than %d nodes are registered in Redis: not all are listed",
               RD_REDIS_NODES_MAX);
  self->is_too_many = count > RD_REDIS_NODES_MAX;
  for (gsize i = 0; i < MIN (count, RD_REDIS_NODES_MAX); i++)
    ask_for (self, reply->element[i]);
  finish_reading_when_complete (self);
}

/* Requests the list of nodes. Has no effect while replies to the last request are pending. */
static void
start_reading (RdRedisNodes *self)
{
  g_autofree char *limit = g_strdup_printf ("%d", RD_REDIS_NODES_MAX + 1);

  if (self->others != NULL)
    return;

  self->others = g_ptr_array_new_with_free_func ((GDestroyNotify) rd_node_free);
  /* SRANDMEMBER can limit the number of members; SMEMBERS cannot */
  rd_redis_call (self->redis, on_members, self, "SRANDMEMBER", INDEX_KEY, limit, NULL);
}

static gboolean
on_interval (gpointer user_data)
{
  RdRedisNodes *self = user_data;

  rd_redis_link_check_role (rd_redis_get_link (self->redis, RD_REDIS_COMMANDS));
  announce (self);
  update_shutdown_key (self);
  start_reading (self);
  return G_SOURCE_CONTINUE;
}

static void
on_up (RdRedisNodes *self)
{
  self->timer_id = g_timeout_add_seconds (RD_REDIS_NODES_INTERVAL_S, on_interval, self);
  on_interval (self);
}

/* Stops the updates and empties the list of other nodes. */
static void
on_down (RdRedisNodes *self)
{
  g_clear_handle_id (&self->timer_id, g_source_remove);
  self->is_updating = FALSE;
  g_clear_pointer (&self->refusal, g_free);
  stop_reading (self);
  rd_nodes_set_others (self->nodes, g_ptr_array_new_with_free_func ((GDestroyNotify) rd_node_free));
}

static void
on_drain_state (RdRedisNodes *self)
{
  if (rd_drain_is_running (self->drain))
    {
      self->is_counting = FALSE;
      update_shutdown_key (self);
    }
  announce (self);
}

static void
on_drain_progress (RdRedisNodes *self)
{
  self->is_counting = TRUE;
  update_shutdown_key (self);
}

RdRedisNodes *
rd_redis_nodes_new (RdRedis *redis, RdNodes *nodes, RdDrain *drain)
{
  const RdNode *node = rd_nodes_get_own (nodes);
  RdRedisNodes *self = g_new0 (RdRedisNodes, 1);

  self->redis = g_object_ref (redis);
  self->nodes = g_object_ref (nodes);
  self->drain = g_object_ref (drain);
  self->id = g_strdup (node->id);
  self->key = rd_redis_node_dup_key (node->id);
  self->shutdown_key = g_strdup_printf ("shutdown:%u", node->pid);
  g_signal_connect_swapped (redis, "up", G_CALLBACK (on_up), self);
  g_signal_connect_swapped (redis, "down", G_CALLBACK (on_down), self);
  g_signal_connect_swapped (drain, "state-changed", G_CALLBACK (on_drain_state), self);
  g_signal_connect_swapped (drain, "progress", G_CALLBACK (on_drain_progress), self);
  if (rd_redis_is_up (redis))
    on_up (self);
  return self;
}

void
rd_redis_nodes_free (RdRedisNodes *self)
{
  g_clear_handle_id (&self->timer_id, g_source_remove);
  g_signal_handlers_disconnect_by_data (self->redis, self);
  g_signal_handlers_disconnect_by_data (self->drain, self);
  stop_reading (self);
  g_free (self->refusal);
  g_free (self->shutdown_value);
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
  g_signal_handlers_disconnect_by_data (self->redis, self);
  g_signal_handlers_disconnect_by_data (self->drain, self);
  g_clear_handle_id (&self->timer_id, g_source_remove);
  self->is_counting = FALSE;
  update_shutdown_key (self);
  rd_redis_call (self->redis, NULL, NULL, "DEL", self->key, NULL);
  rd_redis_call (self->redis, NULL, NULL, "SREM", INDEX_KEY, self->id, NULL);
}
