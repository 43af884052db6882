/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The log and a model of it (a list of messages and two limits) through 100 000 random appends,
 * with adoption and changes of size in between. */

#include <fcntl.h>
#include <string.h>

#include "frames.h"
#include "ws-log.h"

#define APPENDS   100000
#define MODEL_MAX 65536 /* messages; a power of two, more than any log in this test holds */

typedef struct
{
  guint64 offset;
  gsize size; /* of the payload */
  WsId id;
} ModelMessage;

typedef struct
{
  WsLog *log; /* owned */
  ModelMessage messages[MODEL_MAX];
  guint64 oldest;
  guint64 count;
  guint64 head;
  WsId last;
} Model;

static ModelMessage *
model_get (Model *model, guint64 number)
{
  return &model->messages[number % MODEL_MAX];
}

static guint64
model_offset (Model *model, guint64 number)
{
  return number == model->count ? model->head : model_get (model, number)->offset;
}

/* Removes messages until @more messages with @size bytes of frame fit. */
static void
model_make_room (Model *model, guint more, gsize size)
{
  while (model->oldest < model->count
         && (model->count - model->oldest + more > model->log->header->capacity
             || model->head + size - model_offset (model, model->oldest) > model->log->size))
    model->oldest++;
}

static void
model_append (Model *model, gsize size, guint64 now_ms)
{
  const guint64 head = model->head + ws_frame_size (size);

  model_make_room (model, 1, ws_frame_size (size));

  if (now_ms > model->last.ms)
    model->last = (WsId){ now_ms, 0 };
  else
    model->last.seq++;
  *model_get (model, model->count) = (ModelMessage){ model->head, size, model->last };
  model->count++;
  model->head = head;
}

static void
append_to_both (Model *model, gsize size, guint64 now_ms)
{
  g_autoptr (GBytes) payload = make_payload (model->count, size);
  guint64 tail = ws_log_get_tail_after (model->log, size);
  WsId id = ws_log_append (model->log, WS_OPCODE_BINARY, g_bytes_get_data (payload, NULL), size,
                           now_ms);

  model_append (model, size, now_ms);
  g_assert_cmpuint (ws_log_get_tail (model->log), ==, tail);
  g_assert_cmpuint (ws_log_get_tail (model->log), ==, model_offset (model, model->oldest));
  g_assert_cmpuint (model->log->header->head, ==, model->head);
  g_assert_cmpuint (model->log->header->count, ==, model->count);
  g_assert_cmpuint (id.ms, ==, model->last.ms);
  g_assert_cmpuint (id.seq, ==, model->last.seq);
}

/* Finds a message in all ways. */
static void
compare_message (Model *model, guint64 number)
{
  const ModelMessage *message = model_get (model, number);
  const guint64 end = model_offset (model, number + 1);
  const guint64 within = message->offset + 1 + g_test_rand_int_range (0, end - message->offset);
  g_autoptr (GBytes) payload = make_payload (number, message->size);
  g_autoptr (GByteArray) in = g_byte_array_new ();
  Frame frame;

  g_byte_array_append (in, ws_log_at (model->log, message->offset), end - message->offset);
  g_assert_true (frame_read (in, &frame));
  g_assert_cmpmem (frame.payload, frame.size, g_bytes_get_data (payload, NULL), message->size);

  g_assert_cmpuint (ws_log_find_offset (model->log, message->offset), ==, number);
  g_assert_cmpuint (ws_log_get_boundary (model->log, message->offset), ==, message->offset);
  g_assert_cmpuint (ws_log_find_offset (model->log, within), ==, number + 1);
  g_assert_cmpuint (ws_log_get_boundary (model->log, within), ==, end);
}

static gsize
random_size (gsize ring)
{
  switch (g_test_rand_int_range (0, 20))
    {
    case 0:
      return g_test_rand_int_range (0, ring - 10); /* any size that fits */
    case 1:
      return g_test_rand_int_range (120, 130); /* around the limit of the short header */
    case 2:
      return 0;
    default:
      return g_test_rand_int_range (0, 120);
    }
}

static void
hand_over (Model *model)
{
  g_autoptr (GError) error = NULL;
  WsLog *log = ws_log_adopt (fcntl (model->log->fd, F_DUPFD_CLOEXEC, 0), &error);

  g_assert_no_error (error);
  ws_log_free (model->log);
  model->log = log;
}

static void
change_size (Model *model, gsize size)
{
  g_autoptr (GError) error = NULL;
  WsLog *log = ws_log_copy (model->log, size, &error);

  g_assert_no_error (error);
  ws_log_free (model->log);
  model->log = log;
  model_make_room (model, 0, 0);
  g_assert_cmpuint (ws_log_get_tail (log), ==, model_offset (model, model->oldest));
  g_assert_cmpuint (log->header->head, ==, model->head);
  g_assert_cmpuint (log->header->count, ==, model->count);
  for (guint64 number = model->oldest; number < model->count; number++)
    compare_message (model, number);
}

static void
log_agrees_with_its_model (gconstpointer data)
{
  const gsize size = GPOINTER_TO_SIZE (data);
  g_autofree Model *model = g_new0 (Model, 1);
  guint64 now_ms = 1700000000000;

  model->log = ws_log_new (size, NULL);
  g_assert_nonnull (model->log);
  for (guint i = 0; i < APPENDS; i++)
    {
      now_ms += g_test_rand_int_range (-2, 4);
      if (i % 500 == 100)
        hand_over (model);
      if (i % 500 == 200)
        change_size (model, size << g_test_rand_int_range (0, 3));
      append_to_both (model, random_size (model->log->size), now_ms);
      compare_message (model, model->count - 1);
      compare_message (model, model->oldest);
      compare_message (model,
                       model->oldest + g_test_rand_int_range (0, model->count - model->oldest));
    }
  ws_log_free (model->log);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/log/model/4KiB", GSIZE_TO_POINTER (4096), log_agrees_with_its_model);
  g_test_add_data_func ("/log/model/64KiB", GSIZE_TO_POINTER (65536), log_agrees_with_its_model);

  return g_test_run ();
}
