/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The outbox: how long messages are kept, which are dropped first, and a comparison with a model.
 */

#include <string.h>

#include "rd-redis-outbox.h"

#define SECOND_US G_TIME_SPAN_SECOND
#define COST      (RD_REDIS_OUTGOING_COST + 1) /* of a message of one byte */

static guint
push (RdRedisOutbox *outbox, char message)
{
  return rd_redis_outbox_push (outbox, WS_OPCODE_TEXT, &message, 1);
}

static void
push_all (RdRedisOutbox *outbox, const char *messages)
{
  for (; *messages != '\0'; messages++)
    g_assert_cmpuint (push (outbox, *messages), ==, 0);
}

/* Takes all queued messages and compares them with @messages, numbered from @sequence. */
static void
assert_queued (RdRedisOutbox *outbox, const char *messages, guint64 sequence)
{
  const RdRedisOutgoing *outgoing;

  for (; *messages != '\0'; messages++)
    {
      outgoing = rd_redis_outbox_take (outbox);
      g_assert_nonnull (outgoing);
      g_assert_cmpuint (outgoing->sequence, ==, sequence++);
      g_assert_cmpint (outgoing->opcode, ==, WS_OPCODE_TEXT);
      g_assert_cmpmem (g_bytes_get_data (outgoing->data, NULL), g_bytes_get_size (outgoing->data),
                       messages, 1);
    }
  g_assert_null (rd_redis_outbox_take (outbox));
}

static void
assert_pending (const RdRedisOutbox *outbox, guint64 messages)
{
  gsize bytes;

  g_assert_cmpuint (rd_redis_outbox_get_pending (outbox, &bytes), ==, messages);
  g_assert_cmpuint (bytes, ==, messages * COST);
}

static void
messages_are_sent_in_order_and_numbered (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, RD_REDIS_KEEP_US);

  g_assert_cmpuint (rd_redis_outbox_get_last (outbox), ==, 0);
  g_assert_null (rd_redis_outbox_take (outbox));
  push_all (outbox, "abc");
  assert_pending (outbox, 3);
  g_assert_cmpuint (rd_redis_outbox_get_last (outbox), ==, 3);
  assert_queued (outbox, "abc", 1);
  push_all (outbox, "de");
  assert_pending (outbox, 5);
  assert_queued (outbox, "de", 4);
}

static void
refused_messages_are_queued_again (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, RD_REDIS_KEEP_US);

  push_all (outbox, "ab");
  assert_queued (outbox, "ab", 1);
  push_all (outbox, "c");
  rd_redis_outbox_refused (outbox);
  assert_pending (outbox, 3);
  assert_queued (outbox, "abc", 1);
}

static void
stored_messages_are_kept_for_a_while (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, 5 * SECOND_US);

  push_all (outbox, "ab");
  assert_queued (outbox, "ab", 1);
  rd_redis_outbox_stored (outbox, 10 * SECOND_US);
  push_all (outbox, "c");
  assert_queued (outbox, "c", 3);
  rd_redis_outbox_stored (outbox, 12 * SECOND_US);
  assert_pending (outbox, 0);

  g_assert_true (rd_redis_outbox_expire (outbox, 15 * SECOND_US - 1));
  rd_redis_outbox_resume (outbox, 0, 15 * SECOND_US);
  assert_queued (outbox, "abc", 1);
  rd_redis_outbox_resume (outbox, 3, 20 * SECOND_US);
  assert_pending (outbox, 0);

  g_assert_true (rd_redis_outbox_expire (outbox, 25 * SECOND_US - 1));
  g_assert_false (rd_redis_outbox_expire (outbox, 25 * SECOND_US));
  rd_redis_outbox_resume (outbox, 0, 25 * SECOND_US);
  assert_queued (outbox, "", 4);
}

static void
older_stored_messages_are_dropped_first (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, 5 * SECOND_US);

  push_all (outbox, "a");
  assert_queued (outbox, "a", 1);
  rd_redis_outbox_stored (outbox, 10 * SECOND_US);
  push_all (outbox, "b");
  assert_queued (outbox, "b", 2);
  rd_redis_outbox_stored (outbox, 15 * SECOND_US); /* drops "a" */
  rd_redis_outbox_resume (outbox, 0, 15 * SECOND_US);
  assert_queued (outbox, "b", 2);
}

static void
stored_messages_are_not_kept_if_disabled (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, 0);

  push_all (outbox, "ab");
  assert_queued (outbox, "ab", 1);
  push_all (outbox, "c");
  rd_redis_outbox_stored (outbox, 10 * SECOND_US);
  rd_redis_outbox_resume (outbox, 0, 10 * SECOND_US);
  assert_queued (outbox, "c", 3);
}

static void
abandoned_messages_are_dropped (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, 0);

  push_all (outbox, "ab");
  assert_queued (outbox, "ab", 1);
  push_all (outbox, "c");
  g_assert_cmpuint (rd_redis_outbox_abandon (outbox), ==, 2);
  g_assert_cmpuint (rd_redis_outbox_abandon (outbox), ==, 0);
  rd_redis_outbox_resume (outbox, 0, 0);
  assert_queued (outbox, "c", 3);
}

static void
messages_lost_by_redis_are_queued_again (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, RD_REDIS_KEEP_US);

  push_all (outbox, "abcd");
  assert_queued (outbox, "abcd", 1);
  rd_redis_outbox_stored (outbox, 0);
  push_all (outbox, "e");
  rd_redis_outbox_resume (outbox, 2, 0);
  assert_pending (outbox, 3);
  assert_queued (outbox, "cde", 3);
}

static void
messages_stored_without_a_reply_are_stored (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, 5 * SECOND_US);

  push_all (outbox, "abc");
  assert_queued (outbox, "abc", 1);
  push_all (outbox, "d");
  rd_redis_outbox_resume (outbox, 2, 10 * SECOND_US);
  assert_pending (outbox, 2);
  assert_queued (outbox, "cd", 3);

  rd_redis_outbox_expire (outbox, 15 * SECOND_US - 1); /* "ab" are kept, too */
  rd_redis_outbox_resume (outbox, 0, 15 * SECOND_US);
  assert_queued (outbox, "abcd", 1);
}

/* Another client may have used the name of this node. */
static void
messages_never_sent_stay_queued (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, RD_REDIS_KEEP_US);

  push_all (outbox, "a");
  assert_queued (outbox, "a", 1);
  push_all (outbox, "b");
  rd_redis_outbox_resume (outbox, G_MAXUINT64, 0);
  assert_pending (outbox, 1);
  assert_queued (outbox, "b", 2);
}

static void
beyond_the_limit_the_oldest_are_dropped (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (4 * COST, RD_REDIS_KEEP_US);

  push_all (outbox, "abcd");
  g_assert_cmpuint (push (outbox, 'e'), ==, 1);
  assert_pending (outbox, 4);
  assert_queued (outbox, "bcde", 2);
}

static void
dropped_stored_messages_are_not_counted (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (4 * COST, RD_REDIS_KEEP_US);

  push_all (outbox, "abc");
  assert_queued (outbox, "abc", 1);
  rd_redis_outbox_stored (outbox, 0);
  push_all (outbox, "defg");
  assert_pending (outbox, 4);
  g_assert_cmpuint (push (outbox, 'h'), ==, 1);
  assert_queued (outbox, "efgh", 5);
}

static void
messages_in_flight_may_be_dropped (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (3 * COST, RD_REDIS_KEEP_US);

  push_all (outbox, "abc");
  assert_queued (outbox, "abc", 1);
  g_assert_cmpuint (push (outbox, 'd'), ==, 1);
  g_assert_cmpuint (push (outbox, 'e'), ==, 1);
  rd_redis_outbox_stored (outbox, 0); /* "c": "ab" were dropped */
  assert_pending (outbox, 2);
  assert_queued (outbox, "de", 4);

  for (const char *more = "fghi"; *more != '\0'; more++)
    push (outbox, *more);
  rd_redis_outbox_refused (outbox); /* "de" were dropped */
  assert_pending (outbox, 3);
  assert_queued (outbox, "ghi", 7);
}

static void
a_message_over_the_limit_is_dropped_alone (void)
{
  const char large[2 * COST] = { 0 };
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (2 * COST, RD_REDIS_KEEP_US);

  push_all (outbox, "a");
  g_assert_cmpuint (rd_redis_outbox_push (outbox, WS_OPCODE_BINARY, large, sizeof large), ==, 1);
  g_assert_cmpuint (rd_redis_outbox_push (outbox, WS_OPCODE_BINARY, large, G_MAXSIZE), ==, 1);
  push_all (outbox, "b");
  assert_pending (outbox, 2);
  assert_queued (outbox, "ab", 1);
}

/* Comparison with a model: a list of messages with their states */

#define MODEL_STEPS 100000
#define MODEL_MAX   3000 /* messages */

typedef enum
{
  MODEL_STORED,
  MODEL_IN_FLIGHT,
  MODEL_QUEUED,
} ModelState;

typedef struct
{
  guint64 sequence;
  ModelState state;
  gint64 stored_us;
} ModelMessage;

typedef struct
{
  RdRedisOutbox *outbox; /* owned */
  GArray *messages;      /* ModelMessage, owned */
  guint64 last;
  guint64 taken;
  gint64 now_us;
} Model;

static ModelMessage *
model_at (Model *model, guint i)
{
  return &g_array_index (model->messages, ModelMessage, i);
}

static guint
model_count (Model *model, ModelState least)
{
  guint n = 0;

  for (guint i = 0; i < model->messages->len; i++)
    n += model_at (model, i)->state >= least;
  return n;
}

static void
model_change (Model *model, ModelState from, ModelState to)
{
  for (guint i = 0; i < model->messages->len; i++)
    if (model_at (model, i)->state == from)
      {
        model_at (model, i)->state = to;
        model_at (model, i)->stored_us = model->now_us;
      }
}

static void
model_expire (Model *model)
{
  while (model->messages->len > 0 && model_at (model, 0)->state == MODEL_STORED
         && model_at (model, 0)->stored_us + RD_REDIS_KEEP_US <= model->now_us)
    g_array_remove_index (model->messages, 0);
}

static void
push_to_both (Model *model)
{
  const ModelMessage message = { .sequence = ++model->last, .state = MODEL_QUEUED };
  guint dropped = 0;

  g_array_append_val (model->messages, message);
  if (model->messages->len > MODEL_MAX)
    {
      dropped = model_at (model, 0)->state != MODEL_STORED;
      g_array_remove_index (model->messages, 0);
    }
  g_assert_cmpuint (push (model->outbox, 'x'), ==, dropped);
}

static void
take_from_both (Model *model)
{
  const RdRedisOutgoing *outgoing = rd_redis_outbox_take (model->outbox);
  const guint i = model->messages->len - model_count (model, MODEL_QUEUED);

  if (i == model->messages->len)
    {
      g_assert_null (outgoing);
      return;
    }
  g_assert_nonnull (outgoing);
  g_assert_cmpuint (outgoing->sequence, ==, model_at (model, i)->sequence);
  model_at (model, i)->state = MODEL_IN_FLIGHT;
  model->taken = MAX (model->taken, outgoing->sequence);
}

static void
resume_both (Model *model)
{
  const guint64 sequence = model->last
                           - MIN (model->last, (guint64) g_test_rand_int_range (0, 200));

  for (guint i = 0; i < model->messages->len; i++)
    {
      ModelMessage *message = model_at (model, i);

      if (message->sequence > sequence || message->sequence > model->taken)
        message->state = MODEL_QUEUED;
      else if (message->state != MODEL_STORED)
        *message = (ModelMessage){ message->sequence, MODEL_STORED, model->now_us };
    }
  rd_redis_outbox_resume (model->outbox, sequence, model->now_us);
}

static void
step (Model *model, gint push_rate)
{
  const gint action = g_test_rand_int_range (0, 1000);

  model->now_us += g_test_rand_int_range (0, 100000);
  if (action < push_rate)
    {
      push_to_both (model);
    }
  else if (action < 990)
    {
      take_from_both (model);
    }
  else if (action < 994)
    {
      rd_redis_outbox_stored (model->outbox, model->now_us);
      model_change (model, MODEL_IN_FLIGHT, MODEL_STORED);
      model_expire (model);
    }
  else if (action < 996)
    {
      rd_redis_outbox_refused (model->outbox);
      model_change (model, MODEL_IN_FLIGHT, MODEL_QUEUED);
    }
  else if (action < 998)
    {
      resume_both (model);
    }
  else
    {
      model_expire (model);
      g_assert_cmpint (rd_redis_outbox_expire (model->outbox, model->now_us), ==,
                       model_count (model, MODEL_STORED) > model_count (model, MODEL_IN_FLIGHT));
    }
}

static void
outbox_behaves_like_the_model (void)
{
  Model model = { .outbox = rd_redis_outbox_new (MODEL_MAX * COST, RD_REDIS_KEEP_US),
                  .messages = g_array_new (FALSE, FALSE, sizeof (ModelMessage)) };
  guint longest = 0;

  for (guint i = 0; i < MODEL_STEPS; i++)
    {
      step (&model, i / 10000 % 2 == 0 ? 800 : 300);
      assert_pending (model.outbox, model_count (&model, MODEL_IN_FLIGHT));
      g_assert_cmpuint (rd_redis_outbox_get_last (model.outbox), ==, model.last);
      longest = MAX (longest, model.messages->len);
    }
  g_assert_cmpuint (longest, ==, MODEL_MAX);

  rd_redis_outbox_free (model.outbox);
  g_array_unref (model.messages);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/redis/outbox/order", messages_are_sent_in_order_and_numbered);
  g_test_add_func ("/redis/outbox/refused", refused_messages_are_queued_again);
  g_test_add_func ("/redis/outbox/stored", stored_messages_are_kept_for_a_while);
  g_test_add_func ("/redis/outbox/stored-later", older_stored_messages_are_dropped_first);
  g_test_add_func ("/redis/outbox/keep-nothing", stored_messages_are_not_kept_if_disabled);
  g_test_add_func ("/redis/outbox/abandon", abandoned_messages_are_dropped);
  g_test_add_func ("/redis/outbox/resume/lost", messages_lost_by_redis_are_queued_again);
  g_test_add_func ("/redis/outbox/resume/unanswered", messages_stored_without_a_reply_are_stored);
  g_test_add_func ("/redis/outbox/resume/never-sent", messages_never_sent_stay_queued);
  g_test_add_func ("/redis/outbox/limit/oldest", beyond_the_limit_the_oldest_are_dropped);
  g_test_add_func ("/redis/outbox/limit/stored", dropped_stored_messages_are_not_counted);
  g_test_add_func ("/redis/outbox/limit/in-flight", messages_in_flight_may_be_dropped);
  g_test_add_func ("/redis/outbox/limit/too-large", a_message_over_the_limit_is_dropped_alone);
  g_test_add_func ("/redis/outbox/model", outbox_behaves_like_the_model);

  return g_test_run ();
}
