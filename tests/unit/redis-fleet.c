/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Some workers and a model of Redis, on a clock of the test's own: at each step one of them does
 * the next thing it would do, or something goes wrong between them. What a worker is owed is known
 * here from the messages themselves, never from what is tested. */

#include "redis-fleet.h"

#include <string.h>

#include "rd-redis-outbox.h"
#include "rd-redis-stream.h"
#include "redis-carry.h"
#include "redis-model.h"

#define STEPS       3000
#define STEP_MS_MAX (2 * FLEET_SCHEDULE_MS / STEPS)
#define N_WORKERS   4
#define STRANGER    N_WORKERS /* writes to the stream what is no message */
#define START_MS    1700000000000

typedef enum
{
  WORKER_NOT_BEGUN,
  WORKER_DOWN,
  WORKER_CONNECTED,
  WORKER_CATCHING_UP,
  WORKER_LIVE,
} WorkerState;

typedef enum
{
  BATCH_NONE,
  BATCH_SENT,
  BATCH_STORED, /* the answer is on its way */
  BATCH_REFUSED,
} BatchState;

/* What became of a message at a worker. */
enum
{
  FATE_TAKEN = 1 << 0,
  FATE_CUT_OFF = 1 << 1, /* of the stream, before it was read */
};

typedef struct
{
  guint index;
  WorkerState state;
  gboolean has_joined;
  RdRedisOutbox *outbox; /* owned */
  RdRedisStream *stream; /* owned */
  BatchState batch_state;
  GArray *batch; /* ModelEntry, owned */
  WsId read;     /* the greatest id so far */

  guint64 published;
  guint64 dropped; /* by its outbox */
  guint64 missed;  /* as it was told */
  guint64 cut_off; /* as it was */

  guint64 owed_behind[N_WORKERS]; /* what each had published when this one began */
  guint64 had[N_WORKERS];         /* the last message of each */
  GByteArray *fate[N_WORKERS];    /* of each message of each, owned */
} Worker;

typedef struct
{
  const FleetScenario *scenario; /* unowned */
  RedisModel *redis;             /* owned */
  gboolean refuses;              /* out of memory */
  Worker workers[N_WORKERS];
  GPtrArray *orphans; /* GArray of ModelEntry: batches of connections that are gone, owned */
  gint64 now_ms;
} Fleet;

static gboolean
one_in (gint n)
{
  return g_test_rand_int_range (0, n) == 0;
}

/* The workers and Redis */

static void
set_fate (Worker *worker, const ModelEntry *entry, guint8 fate)
{
  GByteArray *fates = worker->fate[entry->sender];
  const guint old_len = fates->len;

  if (entry->number >= old_len)
    {
      g_byte_array_set_size (fates, 2 * entry->number + 1);
      memset (fates->data + old_len, 0, fates->len - old_len);
    }
  fates->data[entry->number] |= fate;
}

static guint8
get_fate (const Worker *worker, guint sender, guint64 number)
{
  return number < worker->fate[sender]->len ? worker->fate[sender]->data[number] : 0;
}

static void
add_to_redis (Fleet *fleet, const GArray *batch)
{
  const guint first = fleet->redis->first;

  redis_model_add (fleet->redis, batch, fleet->now_ms);
  for (guint i = first; i < fleet->redis->first; i++)
    {
      const ModelEntry *entry = &g_array_index (fleet->redis->entries, ModelEntry, i);

      for (guint w = 0; w < N_WORKERS; w++)
        if (fleet->workers[w].state != WORKER_NOT_BEGUN
            && ws_id_compare (&entry->id, &fleet->workers[w].read) > 0)
          {
            fleet->workers[w].cut_off++;
            if (entry->sender < N_WORKERS)
              set_fate (&fleet->workers[w], entry, FATE_CUT_OFF);
          }
    }
}

static void
begin (Fleet *fleet, Worker *worker)
{
  g_autofree char *name = model_sender_name (worker->index);

  worker->state = WORKER_DOWN;
  worker->stream = rd_redis_stream_new (name);
  rd_redis_stream_set_since (worker->stream, fleet->now_ms);
  for (guint i = 0; i < N_WORKERS; i++)
    {
      worker->owed_behind[i] = fleet->workers[i].published;
      worker->had[i] = 0;
    }
}

static void
publish (Worker *worker)
{
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, ++worker->published);

  worker->dropped += rd_redis_outbox_push (worker->outbox, WS_OPCODE_TEXT, text, strlen (text));
}

/* A connection ends; what was sent over it may yet be executed. */
static void
cut (Fleet *fleet, Worker *worker)
{
  if (worker->state == WORKER_NOT_BEGUN)
    return;

  if (worker->batch_state == BATCH_SENT && !one_in (3))
    g_ptr_array_add (fleet->orphans, g_array_copy (worker->batch));
  g_array_set_size (worker->batch, 0);
  worker->batch_state = BATCH_NONE;
  worker->state = WORKER_DOWN;
}

/* Another process takes the place of this one, and goes on as the same worker. */
static void
hand_over (Fleet *fleet, Worker *worker, FleetTally *tally)
{
  g_autofree char *name = model_sender_name (worker->index);
  g_autoptr (GVariant) outbox = NULL;
  g_autoptr (GVariant) stream = NULL;
  guint64 dropped;

  cut (fleet, worker);
  outbox = carry (rd_redis_outbox_pack (worker->outbox));
  stream = carry (rd_redis_stream_pack (worker->stream));
  rd_redis_outbox_free (worker->outbox);
  rd_redis_stream_free (worker->stream);

  worker->outbox = rd_redis_outbox_new (fleet->scenario->buffer_size, RD_REDIS_KEEP_US);
  worker->stream = rd_redis_stream_new (name);
  g_assert_true (rd_redis_outbox_unpack (worker->outbox, outbox, &dropped));
  g_assert_true (rd_redis_stream_unpack (worker->stream, stream));
  g_assert_cmpuint (dropped, ==, 0);
  tally->handed_over++;
}

static void
execute_orphan (Fleet *fleet)
{
  g_autoptr (GArray) batch = NULL;

  if (fleet->orphans->len == 0 || fleet->refuses)
    return;

  batch = g_ptr_array_steal_index (fleet->orphans, g_test_rand_int_range (0, fleet->orphans->len));
  add_to_redis (fleet, batch);
}

static void
restart_redis (Fleet *fleet)
{
  const FleetScenario *scenario = fleet->scenario;

  if (scenario->forget_ms == 0)
    return;

  for (guint i = 0; i < N_WORKERS; i++)
    cut (fleet, &fleet->workers[i]);
  g_ptr_array_set_size (fleet->orphans, 0);
  redis_model_restart (fleet->redis,
                       fleet->now_ms - g_test_rand_int_range (0, scenario->forget_ms + 1));
  fleet->redis->behind_ms = g_test_rand_int_range (0, scenario->behind_ms_max + 1);
}

static void
write_batch (Fleet *fleet, Worker *worker)
{
  const RdRedisOutgoing *outgoing;

  for (gint i = g_test_rand_int_range (1, 8); i > 0; i--)
    if ((outgoing = rd_redis_outbox_take (worker->outbox)) != NULL)
      {
        gsize size;
        const char *text = g_bytes_get_data (outgoing->data, &size);
        ModelEntry entry = { .sender = worker->index, .sequence = outgoing->sequence };

        for (gsize j = 0; j < size; j++)
          entry.number = 10 * entry.number + g_ascii_digit_value (text[j]);
        g_array_append_val (worker->batch, entry);
      }
  if (worker->batch->len > 0)
    worker->batch_state = BATCH_SENT;
}

static void
step_writer (Fleet *fleet, Worker *worker)
{
  switch (worker->batch_state)
    {
    case BATCH_NONE:
      if (worker->state == WORKER_LIVE)
        write_batch (fleet, worker);
      return;
    case BATCH_SENT:
      worker->batch_state = fleet->refuses ? BATCH_REFUSED : BATCH_STORED;
      if (!fleet->refuses)
        add_to_redis (fleet, worker->batch);
      return;
    case BATCH_STORED:
      rd_redis_outbox_stored (worker->outbox, fleet->now_ms * 1000);
      break;
    case BATCH_REFUSED:
      rd_redis_outbox_refused (worker->outbox);
      break;
    }
  g_array_set_size (worker->batch, 0);
  worker->batch_state = BATCH_NONE;
}

static void
take (Worker *worker, const redisReply *reply, FleetTally *tally)
{
  ModelEntry entry = { .id = redis_model_parse_id (reply->element[0]->str) };
  RdMessage message;

  if (ws_id_compare (&entry.id, &worker->read) > 0)
    worker->read = entry.id;

  switch (rd_redis_stream_take (worker->stream, reply, &message))
    {
    case RD_REDIS_ENTRY_NEW:
      entry.sender = g_ascii_strtoull (reply->element[1]->element[1]->str + strlen ("worker"), NULL,
                                       10);
      entry.number = g_ascii_strtoull ((const char *) message.data, NULL, 10);
      g_assert_cmpuint (entry.number, >, worker->had[entry.sender]);
      worker->had[entry.sender] = entry.number;
      set_fate (worker, &entry, FATE_TAKEN);
      tally->taken++;
      return;
    case RD_REDIS_ENTRY_REPEATED:
      tally->repeated++;
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
read_stream (Fleet *fleet, Worker *worker, FleetTally *tally)
{
  char position[WS_ID_STRING_SIZE];
  g_autoptr (redisReply) entries = NULL;

  rd_redis_stream_format_position (worker->stream, position);
  entries = redis_model_read (fleet->redis, position, g_test_rand_int_range (1, 50));
  for (gsize i = 0; entries != NULL && i < entries->elements; i++)
    take (worker, entries->element[i], tally);
  return entries != NULL;
}

static void
resume_stream (Fleet *fleet, Worker *worker, FleetTally *tally)
{
  g_autoptr (redisReply) info = redis_model_info (fleet->redis);
  RdRedisGap away;

  g_assert_true (rd_redis_stream_resume (worker->stream, info, &away));
  if (!worker->has_joined)
    worker->cut_off = 0; /* how much of it was for this worker cannot be told */
  worker->has_joined = TRUE;
  worker->missed += away.missed;
  tally->lost += away.lost;
  worker->state = WORKER_CATCHING_UP;
}

static void
resume_outbox (Fleet *fleet, Worker *worker, FleetTally *tally)
{
  const guint64 pending = rd_redis_outbox_get_pending (worker->outbox, NULL);

  rd_redis_outbox_resume (worker->outbox, rd_redis_stream_get_own (worker->stream),
                          fleet->now_ms * 1000);
  tally->adopted += pending > rd_redis_outbox_get_pending (worker->outbox, NULL);
  worker->state = WORKER_LIVE;
}

static void
look (Fleet *fleet, Worker *worker)
{
  g_autoptr (redisReply) info = redis_model_info (fleet->redis);
  RdRedisGap away;

  g_assert_true (rd_redis_stream_check (worker->stream, info, &away));
  g_assert_false (away.lost);
  worker->missed += away.missed;
}

static void
step_reader (Fleet *fleet, Worker *worker, guint away, FleetTally *tally)
{
  switch (worker->state)
    {
    case WORKER_NOT_BEGUN:
      return;
    case WORKER_DOWN:
      if (one_in (away))
        worker->state = WORKER_CONNECTED;
      return;
    case WORKER_CONNECTED:
      resume_stream (fleet, worker, tally);
      return;
    case WORKER_CATCHING_UP:
      if (!read_stream (fleet, worker, tally))
        resume_outbox (fleet, worker, tally);
      return;
    case WORKER_LIVE:
      rd_redis_outbox_expire (worker->outbox, fleet->now_ms * 1000);
      if (one_in (10))
        look (fleet, worker);
      read_stream (fleet, worker, tally);
      return;
    }
}

/* Schedules */

static void
add_foreign (Fleet *fleet)
{
  const ModelEntry entry = { .sender = STRANGER };
  g_autoptr (GArray) batch = g_array_new (FALSE, FALSE, sizeof (ModelEntry));

  g_array_append_val (batch, entry);
  add_to_redis (fleet, batch);
}

static void
step (Fleet *fleet, FleetTally *tally)
{
  Worker *worker = &fleet->workers[g_test_rand_int_range (0, N_WORKERS)];
  const gint action = g_test_rand_int_range (0, 1010);

  fleet->now_ms += g_test_rand_int_range (0, STEP_MS_MAX + 1);
  if (worker->state == WORKER_NOT_BEGUN)
    {
      if (one_in (10) || fleet->now_ms > START_MS + fleet->scenario->begin_ms_max)
        begin (fleet, worker);
    }
  else if (action < 300)
    publish (worker);
  else if (action < 600)
    step_writer (fleet, worker);
  else if (action < 960)
    step_reader (fleet, worker, fleet->scenario->away, tally);
  else if (action < 970)
    cut (fleet, worker);
  else if (action < 974)
    restart_redis (fleet);
  else if (action < 980)
    fleet->refuses = !fleet->refuses;
  else if (action < 990)
    execute_orphan (fleet);
  else if (action < 1000)
    add_foreign (fleet);
  else
    hand_over (fleet, worker, tally);
}

static gboolean
is_settled (Fleet *fleet, Worker *worker, FleetTally *tally)
{
  return worker->state == WORKER_LIVE && rd_redis_outbox_get_pending (worker->outbox, NULL) == 0
         && !read_stream (fleet, worker, tally);
}

/* Nothing goes wrong any more. */
static void
settle (Fleet *fleet, FleetTally *tally)
{
  guint n_settled = 0;

  fleet->refuses = FALSE;
  while (fleet->orphans->len > 0)
    execute_orphan (fleet);
  for (guint i = 0; n_settled < N_WORKERS; i++)
    {
      Worker *worker = &fleet->workers[i % N_WORKERS];

      g_assert_cmpuint (i, <, 100 * STEPS);
      step_writer (fleet, worker);
      step_reader (fleet, worker, 1, tally);
      n_settled = is_settled (fleet, worker, tally) ? n_settled + 1 : 0;
    }
  for (guint i = 0; i < N_WORKERS; i++)
    look (fleet, &fleet->workers[i]);
}

/* Returns: how many messages of the other one never came. */
static guint64
count_holes (const Worker *worker, const Worker *sender)
{
  guint64 holes = 0;

  for (guint64 i = worker->owed_behind[sender->index] + 1; i <= sender->published; i++)
    holes += get_fate (worker, sender->index, i) == 0;
  return holes;
}

static void
compare (const Fleet *fleet, const Worker *worker, FleetTally *tally)
{
  for (guint i = 0; i < N_WORKERS; i++)
    if (i != worker->index)
      g_assert_cmpuint (count_holes (worker, &fleet->workers[i]), <=, fleet->workers[i].dropped);
  if (fleet->scenario->forget_ms == 0)
    g_assert_cmpuint (worker->missed, ==, worker->cut_off);
  tally->missed += worker->missed;
  tally->dropped += worker->dropped;
}

void
fleet_run (const FleetScenario *scenario, FleetTally *tally)
{
  Fleet fleet = { .scenario = scenario,
                  .redis = redis_model_new (scenario->history),
                  .orphans = g_ptr_array_new_with_free_func ((GDestroyNotify) g_array_unref),
                  .now_ms = START_MS };

  for (guint i = 0; i < N_WORKERS; i++)
    {
      Worker *worker = &fleet.workers[i];

      worker->index = i;
      worker->outbox = rd_redis_outbox_new (scenario->buffer_size, RD_REDIS_KEEP_US);
      worker->batch = g_array_new (FALSE, FALSE, sizeof (ModelEntry));
      for (guint j = 0; j < N_WORKERS; j++)
        worker->fate[j] = g_byte_array_new ();
      if (scenario->begin_ms_max == 0)
        begin (&fleet, worker);
    }
  if (scenario->begin_ms_max == 0)
    settle (&fleet, tally);

  for (guint i = 0; i < STEPS; i++)
    step (&fleet, tally);
  settle (&fleet, tally);

  for (guint i = 0; i < N_WORKERS; i++)
    {
      Worker *worker = &fleet.workers[i];

      compare (&fleet, worker, tally);
      rd_redis_outbox_free (worker->outbox);
      rd_redis_stream_free (worker->stream);
      g_array_unref (worker->batch);
      for (guint j = 0; j < N_WORKERS; j++)
        g_byte_array_unref (worker->fate[j]);
    }
  g_ptr_array_unref (fleet.orphans);
  redis_model_free (fleet.redis);
}
