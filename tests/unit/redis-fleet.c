/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Nodes and a model of Redis with a simulated clock: at each step a node does its next action, or a
 * fault happens. The expected messages are derived from the messages themselves, not from the code
 * under test. */

#include "redis-fleet.h"

#include <string.h>

#include "rd-redis-outbox.h"
#include "rd-redis-stream.h"
#include "redis-carry.h"
#include "redis-model.h"

#define STEPS       3000
#define STEP_MS_MAX (2 * FLEET_SCHEDULE_MS / STEPS)
#define N_NODES     4
#define FOREIGN     N_NODES /* a sender of entries that are not messages */
#define START_MS    1700000000000

typedef enum
{
  NODE_NOT_BEGUN,
  NODE_DOWN,
  NODE_CONNECTED,
  NODE_CATCHING_UP,
  NODE_LIVE,
} NodeState;

typedef enum
{
  BATCH_NONE,
  BATCH_SENT,
  BATCH_STORED, /* the reply is in flight */
  BATCH_REFUSED,
} BatchState;

/* State of a message at a node. */
enum
{
  MESSAGE_DELIVERED = 1 << 0,
  MESSAGE_TRIMMED = 1 << 1, /* from the stream, before it was read */
};

typedef struct
{
  guint index;
  NodeState state;
  gboolean has_joined;
  RdRedisOutbox *outbox; /* owned */
  RdRedisStream *stream; /* owned */
  BatchState batch_state;
  GArray *batch; /* ModelEntry, owned */
  WsId read;     /* greatest id so far */

  guint64 published;
  guint64 dropped; /* by its outbox */
  guint64 missed;  /* as reported */
  guint64 trimmed; /* in fact */

  guint64 published_before[N_NODES]; /* last message of each node when this one started */
  guint64 delivered[N_NODES];        /* last message of each node */
  GByteArray *states[N_NODES];       /* of each message of each node, owned */
} Node;

typedef struct
{
  const FleetScenario *scenario; /* unowned */
  RedisModel *redis;             /* owned */
  gboolean refuses;              /* refuses messages */
  Node nodes[N_NODES];
  GPtrArray *late; /* GArray of ModelEntry, owned: batches of closed connections */
  gint64 now_ms;
} Fleet;

static gboolean
one_in (gint n)
{
  return g_test_rand_int_range (0, n) == 0;
}

/* The nodes and Redis */

static void
set_state (Node *node, const ModelEntry *entry, guint8 state)
{
  GByteArray *states = node->states[entry->sender];
  const guint old_len = states->len;

  if (entry->number >= old_len)
    {
      g_byte_array_set_size (states, 2 * entry->number + 1);
      memset (states->data + old_len, 0, states->len - old_len);
    }
  states->data[entry->number] |= state;
}

static guint8
get_state (const Node *node, guint sender, guint64 number)
{
  return number < node->states[sender]->len ? node->states[sender]->data[number] : 0;
}

static void
add_to_redis (Fleet *fleet, const GArray *batch)
{
  const guint first = fleet->redis->first;

  redis_model_add (fleet->redis, batch, fleet->now_ms);
  for (guint i = first; i < fleet->redis->first; i++)
    {
      const ModelEntry *entry = &g_array_index (fleet->redis->entries, ModelEntry, i);

      for (guint w = 0; w < N_NODES; w++)
        if (fleet->nodes[w].state != NODE_NOT_BEGUN
            && ws_id_compare (&entry->id, &fleet->nodes[w].read) > 0)
          {
            fleet->nodes[w].trimmed++;
            if (entry->sender < N_NODES)
              set_state (&fleet->nodes[w], entry, MESSAGE_TRIMMED);
          }
    }
}

static void
begin (Fleet *fleet, Node *node)
{
  g_autofree char *name = model_sender_name (node->index);

  node->state = NODE_DOWN;
  node->stream = rd_redis_stream_new (name);
  rd_redis_stream_set_since (node->stream, fleet->now_ms);
  for (guint i = 0; i < N_NODES; i++)
    {
      node->published_before[i] = fleet->nodes[i].published;
      node->delivered[i] = 0;
    }
}

static void
publish (Node *node)
{
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, ++node->published);

  node->dropped += rd_redis_outbox_push (node->outbox, WS_OPCODE_TEXT, text, strlen (text));
}

/* Closes a connection; a batch that was sent may still be executed later. */
static void
cut (Fleet *fleet, Node *node)
{
  if (node->state == NODE_NOT_BEGUN)
    return;

  if (node->batch_state == BATCH_SENT && !one_in (3))
    g_ptr_array_add (fleet->late, g_array_copy (node->batch));
  g_array_set_size (node->batch, 0);
  node->batch_state = BATCH_NONE;
  node->state = NODE_DOWN;
}

/* Hands the node over to a new process. */
static void
hand_over (Fleet *fleet, Node *node, FleetCounts *counts)
{
  g_autofree char *name = model_sender_name (node->index);
  g_autoptr (GVariant) outbox = NULL;
  g_autoptr (GVariant) stream = NULL;
  guint64 dropped;

  cut (fleet, node);
  outbox = carry (rd_redis_outbox_pack (node->outbox));
  stream = carry (rd_redis_stream_pack (node->stream));
  rd_redis_outbox_free (node->outbox);
  rd_redis_stream_free (node->stream);

  node->outbox = rd_redis_outbox_new (fleet->scenario->buffer_size, RD_REDIS_KEEP_US);
  node->stream = rd_redis_stream_new (name);
  g_assert_true (rd_redis_outbox_unpack (node->outbox, outbox, &dropped));
  g_assert_true (rd_redis_stream_unpack (node->stream, stream));
  g_assert_cmpuint (dropped, ==, 0);
  counts->handed_over++;
}

static void
execute_late (Fleet *fleet)
{
  g_autoptr (GArray) batch = NULL;

  if (fleet->late->len == 0 || fleet->refuses)
    return;

  batch = g_ptr_array_steal_index (fleet->late, g_test_rand_int_range (0, fleet->late->len));
  add_to_redis (fleet, batch);
}

static void
restart_redis (Fleet *fleet)
{
  const FleetScenario *scenario = fleet->scenario;

  if (scenario->forget_ms == 0)
    return;

  for (guint i = 0; i < N_NODES; i++)
    cut (fleet, &fleet->nodes[i]);
  g_ptr_array_set_size (fleet->late, 0);
  redis_model_restart (fleet->redis,
                       fleet->now_ms - g_test_rand_int_range (0, scenario->forget_ms + 1));
  fleet->redis->behind_ms = g_test_rand_int_range (0, scenario->behind_ms_max + 1);
}

static void
write_batch (Fleet *fleet, Node *node)
{
  const RdRedisOutgoing *outgoing;

  for (gint i = g_test_rand_int_range (1, 8); i > 0; i--)
    if ((outgoing = rd_redis_outbox_take (node->outbox)) != NULL)
      {
        gsize size;
        const char *text = g_bytes_get_data (outgoing->data, &size);
        ModelEntry entry = { .sender = node->index, .sequence = outgoing->sequence };

        for (gsize j = 0; j < size; j++)
          entry.number = 10 * entry.number + g_ascii_digit_value (text[j]);
        g_array_append_val (node->batch, entry);
      }
  if (node->batch->len > 0)
    node->batch_state = BATCH_SENT;
}

static void
step_writer (Fleet *fleet, Node *node)
{
  switch (node->batch_state)
    {
    case BATCH_NONE:
      if (node->state == NODE_LIVE)
        write_batch (fleet, node);
      return;
    case BATCH_SENT:
      node->batch_state = fleet->refuses ? BATCH_REFUSED : BATCH_STORED;
      if (!fleet->refuses)
        add_to_redis (fleet, node->batch);
      return;
    case BATCH_STORED:
      rd_redis_outbox_stored (node->outbox, fleet->now_ms * 1000);
      break;
    case BATCH_REFUSED:
      rd_redis_outbox_refused (node->outbox);
      break;
    }
  g_array_set_size (node->batch, 0);
  node->batch_state = BATCH_NONE;
}

static void
take (Node *node, const redisReply *reply, FleetCounts *counts)
{
  ModelEntry entry = { .id = redis_model_parse_id (reply->element[0]->str) };
  RdMessage message;

  if (ws_id_compare (&entry.id, &node->read) > 0)
    node->read = entry.id;

  switch (rd_redis_stream_take (node->stream, reply, &message))
    {
    case RD_REDIS_ENTRY_NEW:
      entry.sender = g_ascii_strtoull (reply->element[1]->element[1]->str + strlen ("node"), NULL,
                                       10);
      entry.number = g_ascii_strtoull ((const char *) message.data, NULL, 10);
      g_assert_cmpuint (entry.number, >, node->delivered[entry.sender]);
      node->delivered[entry.sender] = entry.number;
      set_state (node, &entry, MESSAGE_DELIVERED);
      counts->delivered++;
      return;
    case RD_REDIS_ENTRY_REPEATED:
      counts->repeated++;
      return;
    case RD_REDIS_ENTRY_OWN:
    case RD_REDIS_ENTRY_FOREIGN:
      return;
    case RD_REDIS_ENTRY_TOO_LARGE:
    case RD_REDIS_ENTRY_INVALID:
      g_assert_not_reached ();
    }
}

/* Returns: FALSE if there was nothing to read. */
static gboolean
read_stream (Fleet *fleet, Node *node, FleetCounts *counts)
{
  char position[WS_ID_STRING_SIZE];
  g_autoptr (redisReply) entries = NULL;

  rd_redis_stream_format_position (node->stream, position);
  entries = redis_model_read (fleet->redis, position, g_test_rand_int_range (1, 50));
  for (gsize i = 0; entries != NULL && i < entries->elements; i++)
    take (node, entries->element[i], counts);
  return entries != NULL;
}

static void
resume_stream (Fleet *fleet, Node *node, FleetCounts *counts)
{
  g_autoptr (redisReply) info = redis_model_info (fleet->redis);
  RdRedisGap away;

  g_assert_true (rd_redis_stream_resume (node->stream, info, &away));
  if (!node->has_joined)
    node->trimmed = 0; /* which of these entries were for this node is unknown */
  node->has_joined = TRUE;
  node->missed += away.missed;
  counts->lost += away.lost;
  node->state = NODE_CATCHING_UP;
}

static void
resume_outbox (Fleet *fleet, Node *node, FleetCounts *counts)
{
  const guint64 pending = rd_redis_outbox_get_pending (node->outbox, NULL);

  rd_redis_outbox_resume (node->outbox, rd_redis_stream_get_own (node->stream),
                          fleet->now_ms * 1000);
  counts->resolved += pending > rd_redis_outbox_get_pending (node->outbox, NULL);
  node->state = NODE_LIVE;
}

static void
look (Fleet *fleet, Node *node)
{
  g_autoptr (redisReply) info = redis_model_info (fleet->redis);
  RdRedisGap away;

  g_assert_true (rd_redis_stream_check (node->stream, info, &away));
  g_assert_false (away.lost);
  node->missed += away.missed;
}

static void
step_reader (Fleet *fleet, Node *node, guint away, FleetCounts *counts)
{
  switch (node->state)
    {
    case NODE_NOT_BEGUN:
      return;
    case NODE_DOWN:
      if (one_in (away))
        node->state = NODE_CONNECTED;
      return;
    case NODE_CONNECTED:
      resume_stream (fleet, node, counts);
      return;
    case NODE_CATCHING_UP:
      if (!read_stream (fleet, node, counts))
        resume_outbox (fleet, node, counts);
      return;
    case NODE_LIVE:
      rd_redis_outbox_expire (node->outbox, fleet->now_ms * 1000);
      if (one_in (10))
        look (fleet, node);
      read_stream (fleet, node, counts);
      return;
    }
}

/* Schedules */

static void
add_foreign (Fleet *fleet)
{
  const ModelEntry entry = { .sender = FOREIGN };
  g_autoptr (GArray) batch = g_array_new (FALSE, FALSE, sizeof (ModelEntry));

  g_array_append_val (batch, entry);
  add_to_redis (fleet, batch);
}

static void
step (Fleet *fleet, FleetCounts *counts)
{
  Node *node = &fleet->nodes[g_test_rand_int_range (0, N_NODES)];
  const gint action = g_test_rand_int_range (0, 1010);

  fleet->now_ms += g_test_rand_int_range (0, STEP_MS_MAX + 1);
  if (node->state == NODE_NOT_BEGUN)
    {
      if (one_in (10) || fleet->now_ms > START_MS + fleet->scenario->begin_ms_max)
        begin (fleet, node);
    }
  else if (action < 300)
    publish (node);
  else if (action < 600)
    step_writer (fleet, node);
  else if (action < 960)
    step_reader (fleet, node, fleet->scenario->away, counts);
  else if (action < 970)
    cut (fleet, node);
  else if (action < 974)
    restart_redis (fleet);
  else if (action < 980)
    fleet->refuses = !fleet->refuses;
  else if (action < 990)
    execute_late (fleet);
  else if (action < 1000)
    add_foreign (fleet);
  else
    hand_over (fleet, node, counts);
}

static gboolean
is_settled (Fleet *fleet, Node *node, FleetCounts *counts)
{
  return node->state == NODE_LIVE && rd_redis_outbox_get_pending (node->outbox, NULL) == 0
         && !read_stream (fleet, node, counts);
}

/* Runs without faults until all messages are delivered. */
static void
settle (Fleet *fleet, FleetCounts *counts)
{
  guint n_settled = 0;

  fleet->refuses = FALSE;
  while (fleet->late->len > 0)
    execute_late (fleet);
  for (guint i = 0; n_settled < N_NODES; i++)
    {
      Node *node = &fleet->nodes[i % N_NODES];

      g_assert_cmpuint (i, <, 100 * STEPS);
      step_writer (fleet, node);
      step_reader (fleet, node, 1, counts);
      n_settled = is_settled (fleet, node, counts) ? n_settled + 1 : 0;
    }
  for (guint i = 0; i < N_NODES; i++)
    look (fleet, &fleet->nodes[i]);
}

/* Returns: how many messages of @sender were neither delivered nor trimmed. */
static guint64
count_lost (const Node *node, const Node *sender)
{
  guint64 lost = 0;

  for (guint64 i = node->published_before[sender->index] + 1; i <= sender->published; i++)
    lost += get_state (node, sender->index, i) == 0;
  return lost;
}

static void
compare (const Fleet *fleet, const Node *node, FleetCounts *counts)
{
  for (guint i = 0; i < N_NODES; i++)
    if (i != node->index)
      g_assert_cmpuint (count_lost (node, &fleet->nodes[i]), <=, fleet->nodes[i].dropped);
  if (fleet->scenario->forget_ms == 0)
    g_assert_cmpuint (node->missed, ==, node->trimmed);
  counts->missed += node->missed;
  counts->dropped += node->dropped;
}

void
fleet_run (const FleetScenario *scenario, FleetCounts *counts)
{
  Fleet fleet = { .scenario = scenario,
                  .redis = redis_model_new (scenario->history),
                  .late = g_ptr_array_new_with_free_func ((GDestroyNotify) g_array_unref),
                  .now_ms = START_MS };

  for (guint i = 0; i < N_NODES; i++)
    {
      Node *node = &fleet.nodes[i];

      node->index = i;
      node->outbox = rd_redis_outbox_new (scenario->buffer_size, RD_REDIS_KEEP_US);
      node->batch = g_array_new (FALSE, FALSE, sizeof (ModelEntry));
      for (guint j = 0; j < N_NODES; j++)
        node->states[j] = g_byte_array_new ();
      if (scenario->begin_ms_max == 0)
        begin (&fleet, node);
    }
  if (scenario->begin_ms_max == 0)
    settle (&fleet, counts);

  for (guint i = 0; i < STEPS; i++)
    step (&fleet, counts);
  settle (&fleet, counts);

  for (guint i = 0; i < N_NODES; i++)
    {
      Node *node = &fleet.nodes[i];

      compare (&fleet, node, counts);
      rd_redis_outbox_free (node->outbox);
      rd_redis_stream_free (node->stream);
      g_array_unref (node->batch);
      for (guint j = 0; j < N_NODES; j++)
        g_byte_array_unref (node->states[j]);
    }
  g_ptr_array_unref (fleet.late);
  redis_model_free (fleet.redis);
}
