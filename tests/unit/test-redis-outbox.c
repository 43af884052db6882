/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The outbox: what it keeps of what, for how long, and what goes first when it is full; and its
 * agreement with a model, which is a list. */

#include <string.h>

#include "rd-redis-outbox.h"

#define SECOND_US G_TIME_SPAN_SECOND
#define COST      (RD_REDIS_OUTGOING_COST + 1) /* of the messages here, one byte each */

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

/* Takes all that waits and compares it: their bytes, and their numbers from @sequence on. */
static void
assert_waiting (RdRedisOutbox *outbox, const char *messages, guint64 sequence)
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
messages_leave_in_order_and_numbered (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, RD_REDIS_KEEP_US);

  g_assert_cmpuint (rd_redis_outbox_get_last (outbox), ==, 0);
  g_assert_null (rd_redis_outbox_take (outbox));
  push_all (outbox, "abc");
  assert_pending (outbox, 3);
  g_assert_cmpuint (rd_redis_outbox_get_last (outbox), ==, 3);
  assert_waiting (outbox, "abc", 1);
  push_all (outbox, "de");
  assert_pending (outbox, 5);
  assert_waiting (outbox, "de", 4);
}

static void
what_was_refused_waits_again (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, RD_REDIS_KEEP_US);

  push_all (outbox, "ab");
  assert_waiting (outbox, "ab", 1);
  push_all (outbox, "c");
  rd_redis_outbox_refused (outbox);
  assert_pending (outbox, 3);
  assert_waiting (outbox, "abc", 1);
}

static void
what_is_stored_is_kept_for_its_time (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, 5 * SECOND_US);

  push_all (outbox, "ab");
  assert_waiting (outbox, "ab", 1);
  rd_redis_outbox_stored (outbox, 10 * SECOND_US);
  push_all (outbox, "c");
  assert_waiting (outbox, "c", 3);
  rd_redis_outbox_stored (outbox, 12 * SECOND_US);
  assert_pending (outbox, 0);

  g_assert_true (rd_redis_outbox_expire (outbox, 15 * SECOND_US - 1));
  rd_redis_outbox_resume (outbox, 0, 15 * SECOND_US);
  assert_waiting (outbox, "abc", 1);
  rd_redis_outbox_resume (outbox, 3, 20 * SECOND_US);
  assert_pending (outbox, 0);

  g_assert_true (rd_redis_outbox_expire (outbox, 25 * SECOND_US - 1));
  g_assert_false (rd_redis_outbox_expire (outbox, 25 * SECOND_US));
  rd_redis_outbox_resume (outbox, 0, 25 * SECOND_US);
  assert_waiting (outbox, "", 4);
}

static void
the_older_of_what_is_stored_goes_first (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, 5 * SECOND_US);

  push_all (outbox, "a");
  assert_waiting (outbox, "a", 1);
  rd_redis_outbox_stored (outbox, 10 * SECOND_US);
  push_all (outbox, "b");
  assert_waiting (outbox, "b", 2);
  rd_redis_outbox_stored (outbox, 15 * SECOND_US); /* "a" goes at this */
  rd_redis_outbox_resume (outbox, 0, 15 * SECOND_US);
  assert_waiting (outbox, "b", 2);
}

static void
nothing_is_kept_that_is_not_to_be (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, 0);

  push_all (outbox, "ab");
  assert_waiting (outbox, "ab", 1);
  push_all (outbox, "c");
  rd_redis_outbox_stored (outbox, 10 * SECOND_US);
  rd_redis_outbox_resume (outbox, 0, 10 * SECOND_US);
  assert_waiting (outbox, "c", 3);
}

static void
what_was_abandoned_is_gone (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, 0);

  push_all (outbox, "ab");
  assert_waiting (outbox, "ab", 1);
  push_all (outbox, "c");
  g_assert_cmpuint (rd_redis_outbox_abandon (outbox), ==, 2);
  g_assert_cmpuint (rd_redis_outbox_abandon (outbox), ==, 0);
  rd_redis_outbox_resume (outbox, 0, 0);
  assert_waiting (outbox, "c", 3);
}

static void
what_redis_forgot_waits_again (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, RD_REDIS_KEEP_US);

  push_all (outbox, "abcd");
  assert_waiting (outbox, "abcd", 1);
  rd_redis_outbox_stored (outbox, 0);
  push_all (outbox, "e");
  rd_redis_outbox_resume (outbox, 2, 0);
  assert_pending (outbox, 3);
  assert_waiting (outbox, "cde", 3);
}

static void
what_arrived_unanswered_is_stored (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, 5 * SECOND_US);

  push_all (outbox, "abc");
  assert_waiting (outbox, "abc", 1);
  push_all (outbox, "d");
  rd_redis_outbox_resume (outbox, 2, 10 * SECOND_US);
  assert_pending (outbox, 2);
  assert_waiting (outbox, "cd", 3);

  rd_redis_outbox_expire (outbox, 15 * SECOND_US - 1); /* "ab" are kept as others are */
  rd_redis_outbox_resume (outbox, 0, 15 * SECOND_US);
  assert_waiting (outbox, "abcd", 1);
}

/* A stranger could have used our name. */
static void
what_was_never_sent_cannot_have_arrived (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (G_MAXSIZE, RD_REDIS_KEEP_US);

  push_all (outbox, "a");
  assert_waiting (outbox, "a", 1);
  push_all (outbox, "b");
  rd_redis_outbox_resume (outbox, G_MAXUINT64, 0);
  assert_pending (outbox, 1);
  assert_waiting (outbox, "b", 2);
}

static void
past_the_bound_the_oldest_go (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (4 * COST, RD_REDIS_KEEP_US);

  push_all (outbox, "abcd");
  g_assert_cmpuint (push (outbox, 'e'), ==, 1);
  assert_pending (outbox, 4);
  assert_waiting (outbox, "bcde", 2);
}

static void
what_is_stored_goes_uncounted (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (4 * COST, RD_REDIS_KEEP_US);

  push_all (outbox, "abc");
  assert_waiting (outbox, "abc", 1);
  rd_redis_outbox_stored (outbox, 0);
  push_all (outbox, "defg");
  assert_pending (outbox, 4);
  g_assert_cmpuint (push (outbox, 'h'), ==, 1);
  assert_waiting (outbox, "efgh", 5);
}

static void
what_is_under_way_may_go_before_the_answer (void)
{
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (3 * COST, RD_REDIS_KEEP_US);

  push_all (outbox, "abc");
  assert_waiting (outbox, "abc", 1);
  g_assert_cmpuint (push (outbox, 'd'), ==, 1);
  g_assert_cmpuint (push (outbox, 'e'), ==, 1);
  rd_redis_outbox_stored (outbox, 0); /* "c", of "abc" */
  assert_pending (outbox, 2);
  assert_waiting (outbox, "de", 4);

  for (const char *more = "fghi"; *more != '\0'; more++)
    push (outbox, *more);
  rd_redis_outbox_refused (outbox); /* "de" are gone */
  assert_pending (outbox, 3);
  assert_waiting (outbox, "ghi", 7);
}

static void
one_that_never_fits_goes_alone (void)
{
  const char large[2 * COST] = { 0 };
  g_autoptr (RdRedisOutbox) outbox = rd_redis_outbox_new (2 * COST, RD_REDIS_KEEP_US);

  push_all (outbox, "a");
  g_assert_cmpuint (rd_redis_outbox_push (outbox, WS_OPCODE_BINARY, large, sizeof large), ==, 1);
  g_assert_cmpuint (rd_redis_outbox_push (outbox, WS_OPCODE_BINARY, large, G_MAXSIZE), ==, 1);
  push_all (outbox, "b");
  assert_pending (outbox, 2);
  assert_waiting (outbox, "ab", 1);
}

/* The model: what is here, in order, and what became of it */

#define MODEL_STEPS 100000
#define MODEL_MAX   3000 /* messages */

typedef enum
{
  MODEL_STORED,
  MODEL_UNDER_WAY,
  MODEL_WAITING,
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
model_turn (Model *model, ModelState from, ModelState to)
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
  const ModelMessage message = { .sequence = ++model->last, .state = MODEL_WAITING };
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
  const guint i = model->messages->len - model_count (model, MODEL_WAITING);

  if (i == model->messages->len)
    {
      g_assert_null (outgoing);
      return;
    }
  g_assert_nonnull (outgoing);
  g_assert_cmpuint (outgoing->sequence, ==, model_at (model, i)->sequence);
  model_at (model, i)->state = MODEL_UNDER_WAY;
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
        message->state = MODEL_WAITING;
      else if (message->state != MODEL_STORED)
        *message = (ModelMessage){ message->sequence, MODEL_STORED, model->now_us };
    }
  rd_redis_outbox_resume (model->outbox, sequence, model->now_us);
}

static void
step (Model *model, gint busyness)
{
  const gint action = g_test_rand_int_range (0, 1000);

  model->now_us += g_test_rand_int_range (0, 100000);
  if (action < busyness)
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
      model_turn (model, MODEL_UNDER_WAY, MODEL_STORED);
      model_expire (model);
    }
  else if (action < 996)
    {
      rd_redis_outbox_refused (model->outbox);
      model_turn (model, MODEL_UNDER_WAY, MODEL_WAITING);
    }
  else if (action < 998)
    {
      resume_both (model);
    }
  else
    {
      model_expire (model);
      g_assert_cmpint (rd_redis_outbox_expire (model->outbox, model->now_us), ==,
                       model_count (model, MODEL_STORED) > model_count (model, MODEL_UNDER_WAY));
    }
}

static void
outbox_agrees_with_its_model (void)
{
  Model model = { .outbox = rd_redis_outbox_new (MODEL_MAX * COST, RD_REDIS_KEEP_US),
                  .messages = g_array_new (FALSE, FALSE, sizeof (ModelMessage)) };
  guint longest = 0;

  for (guint i = 0; i < MODEL_STEPS; i++)
    {
      step (&model, i / 10000 % 2 == 0 ? 800 : 300);
      assert_pending (model.outbox, model_count (&model, MODEL_UNDER_WAY));
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

  g_test_add_func ("/redis/outbox/order", messages_leave_in_order_and_numbered);
  g_test_add_func ("/redis/outbox/refused", what_was_refused_waits_again);
  g_test_add_func ("/redis/outbox/stored", what_is_stored_is_kept_for_its_time);
  g_test_add_func ("/redis/outbox/stored-later", the_older_of_what_is_stored_goes_first);
  g_test_add_func ("/redis/outbox/keep-nothing", nothing_is_kept_that_is_not_to_be);
  g_test_add_func ("/redis/outbox/abandon", what_was_abandoned_is_gone);
  g_test_add_func ("/redis/outbox/resume/forgotten", what_redis_forgot_waits_again);
  g_test_add_func ("/redis/outbox/resume/unanswered", what_arrived_unanswered_is_stored);
  g_test_add_func ("/redis/outbox/resume/stranger", what_was_never_sent_cannot_have_arrived);
  g_test_add_func ("/redis/outbox/bound/oldest", past_the_bound_the_oldest_go);
  g_test_add_func ("/redis/outbox/bound/stored", what_is_stored_goes_uncounted);
  g_test_add_func ("/redis/outbox/bound/under-way", what_is_under_way_may_go_before_the_answer);
  g_test_add_func ("/redis/outbox/bound/too-large", one_that_never_fits_goes_alone);
  g_test_add_func ("/redis/outbox/model", outbox_agrees_with_its_model);

  return g_test_run ();
}
