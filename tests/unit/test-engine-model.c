/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The engine with random clients: slow, fast, faulty and disappearing. Each client gets whole
 * messages without a gap, answers to its pings, and a close frame last; each message from a client
 * is received once and in order. The same again with repeated hand-overs to another engine. */

#include <string.h>

#include "handover-fixture.h"

#define LOG_SIZE    (1 << 16)
#define MAX_MESSAGE (LOG_SIZE / 8)
#define ACTORS      24
#define STEPS       20000

static const WsEngineOptions small_log
  = { .log_size = LOG_SIZE, .max_message = MAX_MESSAGE, .max_clients = ACTORS + 10 };

typedef struct
{
  Peer *peer;             /* unowned: in the crowd; NULL: free */
  WsClient *client;       /* unowned; NULL after it has left */
  guint64 id;             /* of the client */
  guint64 next;           /* number of its next message */
  guint numbers_sent;     /* messages */
  guint heard;            /* of these, messages received by the engine */
  gboolean is_in_message; /* the first fragment of a message is sent */
  guint pings;            /* pings sent */
  guint pongs;            /* of these, pings answered or replaced by a later one */
  guint unbroken;         /* pongs since a ping was replaced */
  guint16 asked;          /* code of its close frame, or 0 */
  gboolean is_closed;     /* got a close frame, which must be last */
  gboolean is_slow;       /* does not read at times */
  gboolean may_fall;      /* may be evicted */
  gboolean may_go;        /* may be closed by a hand-over with fewer clients */
  GByteArray *half;       /* owned: unsent part of a frame */
} Actor;

typedef struct
{
  EngineFixture *fixture;
  Actor actors[ACTORS];
  GPtrArray *sizes; /* sizes of published messages */
  guint left;       /* clients reported as closed */
  guint joined;
  gboolean hands_over;
} Stage;

static void
publish (Stage *stage)
{
  const gsize size = g_test_rand_int_range (0, 8) == 0 ? g_test_rand_int_range (0, MAX_MESSAGE + 1)
                                                       : g_test_rand_int_range (0, 300);
  const guint64 number = stage->sizes->len;

  g_ptr_array_add (stage->sizes, GSIZE_TO_POINTER (size));
  engine_fixture_publish (stage->fixture, number, size);
}

/* The messages of each client are numbered. */
static void
publish_on_message (EngineFixture *fixture, WsClient *client, const guint8 *data, gsize size)
{
  Stage *stage = fixture->test_data;
  g_autofree char *text = g_strndup ((const char *) data, size);

  for (guint i = 0; i < ACTORS; i++)
    if (stage->actors[i].peer != NULL && stage->actors[i].client == client)
      g_assert_cmpuint (g_ascii_strtoull (text, NULL, 10), ==, stage->actors[i].heard++);
  publish (stage);
}

static void
record_closed (EngineFixture *fixture, WsClient *client)
{
  Stage *stage = fixture->test_data;

  stage->left++;
  for (guint i = 0; i < ACTORS; i++)
    if (stage->actors[i].client == client)
      stage->actors[i].client = NULL;
}

static void
enter (Stage *stage, Actor *actor)
{
  *actor = (Actor){ .next = stage->sizes->len, .half = g_byte_array_new () };
  actor->is_slow = g_test_rand_bit ();
  actor->may_fall = actor->is_slow;
  if (actor->is_slow)
    actor->peer = engine_fixture_join_stalled (stage->fixture, &actor->client);
  else
    actor->peer = engine_fixture_join (stage->fixture, &actor->client);
  actor->id = actor->client->id;
  stage->joined++;
}

static void
leave (Stage *stage, Actor *actor)
{
  g_byte_array_unref (actor->half);
  g_ptr_array_remove_fast (stage->fixture->crowd->peers, actor->peer);
  actor->peer = NULL;
}

/* Pings are numbered. A ping is replaced by a later one only if 15 pongs wait before its pong. */
static void
check_pong (Actor *actor, const Frame *frame)
{
  g_autofree char *text = g_strndup ((const char *) frame->payload, frame->size);
  const guint number = g_ascii_strtoull (text, NULL, 10);

  g_assert_cmpuint (number, >=, actor->pongs);
  g_assert_cmpuint (number, <, actor->pings);
  if (number > actor->pongs)
    {
      g_assert_cmpuint (actor->unbroken, >=, 15);
      actor->unbroken = 0;
    }
  else
    {
      actor->unbroken++;
    }
  actor->pongs = number + 1;
}

static void
check_close (Actor *actor, const Frame *frame)
{
  const guint16 code = frame->size == 0 ? 0 : frame->payload[0] << 8 | frame->payload[1];

  if (code == WS_CLOSE_TRY_AGAIN_LATER)
    g_assert_true (actor->may_fall);
  else if (code == WS_CLOSE_SERVICE_RESTART)
    g_assert_true (actor->may_go);
  else if (code != 4000) /* code used by this test */
    g_assert_cmpuint (code, ==, actor->asked);
  actor->is_closed = TRUE;
}

/* Checks all frames that @actor received. */
static void
check (Stage *stage, Actor *actor)
{
  Peer *peer = actor->peer;
  Frame frame;

  while (frame_read (peer->in, &frame))
    {
      g_assert_false (actor->is_closed);
      if (frame.opcode == FRAME_BINARY)
        {
          g_assert_cmpuint (actor->next, <, stage->sizes->len);
          peer_expect_message (peer, actor->next,
                               GPOINTER_TO_SIZE (stage->sizes->pdata[actor->next]));
          actor->next++;
          continue;
        }
      if (frame.opcode == FRAME_PONG)
        check_pong (actor, &frame);
      else if (frame.opcode == FRAME_CLOSE)
        check_close (actor, &frame);
      else
        g_error ("opcode %X", frame.opcode);
      g_byte_array_remove_range (peer->in, 0, frame.header_size + frame.size);
    }
  if (peer->has_ended)
    {
      g_assert_true (actor->is_closed);
      peer_expect_end (peer);
    }
}

/* Sends the unsent part, then a new frame, of which a part may be left unsent. */
static void
send_frame (Actor *actor, guint8 first, const char *payload)
{
  GByteArray *half = actor->half;
  gsize part;

  frame_append (half, first, payload, strlen (payload));
  part = half->len;
  if (g_test_rand_int_range (0, 4) == 0)
    part = g_test_rand_int_range (0, part);
  if (part > 0 && !actor->peer->has_ended)
    peer_send_bytes (actor->peer, half->data, part);
  g_byte_array_remove_range (half, 0, part);
}

/* Sends its next number as one frame, or as two fragments with pings between them. */
static void
send_number (Actor *actor)
{
  g_autofree char *text = g_strdup_printf ("%u", actor->numbers_sent);

  if (!actor->is_in_message && g_test_rand_bit ())
    {
      actor->is_in_message = TRUE;
      send_frame (actor, FRAME_TEXT, text);
      return;
    }

  send_frame (actor, FRAME_FIN | (actor->is_in_message ? FRAME_CONTINUATION : FRAME_TEXT),
              actor->is_in_message ? "" : text);
  actor->is_in_message = FALSE;
  actor->numbers_sent++;
}

static void
ask_to_close (Actor *actor)
{
  actor->asked = g_test_rand_int_range (3000, 3999);
  frame_append_close (actor->half, actor->asked, NULL);
  if (!actor->peer->has_ended)
    peer_send_bytes (actor->peer, actor->half->data, actor->half->len);
  g_byte_array_set_size (actor->half, 0);
}

/* Does something random. A server that hung up cannot be sent to. */
static void
act (Stage *stage, Actor *actor)
{
  g_autofree char *number = g_strdup_printf ("%u", actor->pings);
  const gboolean may_send = actor->client != NULL && actor->asked == 0;

  switch (g_test_rand_int_range (0, 40))
    {
    case 0:
      leave (stage, actor);
      break;
    case 1:
      if (may_send)
        ask_to_close (actor);
      break;
    case 2:
      if (actor->client != NULL)
        ws_engine_close (stage->fixture->engine, actor->client, 4000, "as a test");
      break;
    case 3:
      actor->peer->is_stalled = actor->is_slow && !actor->peer->is_stalled;
      break;
    case 4:
    case 5:
    case 6:
    case 7:
      if (may_send)
        send_number (actor);
      break;
    case 8:
    case 9:
    case 10:
    case 11:
      if (may_send)
        {
          actor->pings++;
          send_frame (actor, FRAME_FIN | FRAME_PING, number);
        }
      break;
    default:
      peer_read (actor->peer, g_test_rand_int_range (1, 20000));
      break;
    }
}

/* Hands over to an engine with the same options, or sometimes with room for fewer clients. */
static void
hand_over (Stage *stage)
{
  const WsEngineOptions before = *ws_engine_get_options (stage->fixture->engine);
  WsEngineOptions options = before;

  if (g_test_rand_int_range (0, 8) == 0)
    {
      options.log_size = LOG_SIZE << g_test_rand_int_range (0, 3);
      options.max_clients = ACTORS + g_test_rand_int_range (-4, 10);
    }
  if (g_test_rand_int_range (0, 4) == 0)
    {
      handover_turn_back (stage->fixture, &options);
      return;
    }

  handover_carry_out (stage->fixture, &options);
  for (guint i = 0; i < ACTORS; i++)
    {
      Actor *actor = &stage->actors[i];

      actor->may_fall |= options.log_size < before.log_size;
      actor->may_go |= options.max_clients < ACTORS;
      if (actor->client != NULL)
        actor->client = handover_find_client (stage->fixture, actor->id);
    }
}

static void
step (Stage *stage)
{
  Actor *actor = &stage->actors[g_test_rand_int_range (0, ACTORS)];

  if (actor->peer != NULL)
    act (stage, actor);
  else if (!ws_engine_is_full (stage->fixture->engine))
    enter (stage, actor);
  if (stage->hands_over && g_test_rand_int_range (0, 8) == 0)
    hand_over (stage);

  switch (g_test_rand_int_range (0, 6))
    {
    case 0:
      publish (stage);
      break;
    case 1:
      for (guint i = 0; i < 8; i++)
        publish (stage);
      break;
    case 2:
      g_main_context_iteration (stage->fixture->crowd->context, FALSE);
      break;
    default:
      crowd_settle (stage->fixture->crowd);
      break;
    }
  if (actor->peer != NULL)
    check (stage, actor);
  for (guint i = 0; i < ACTORS; i++)
    if (stage->actors[i].peer != NULL && !stage->actors[i].is_slow)
      peer_read (stage->actors[i].peer, G_MAXSIZE);
}

/* Clients that were not closed get all messages when they read. */
static void
check_rest (Stage *stage)
{
  for (guint i = 0; i < ACTORS; i++)
    {
      Actor *actor = &stage->actors[i];

      if (actor->peer == NULL)
        continue;
      actor->peer->is_stalled = FALSE;
      if (actor->half->len > 0 && !actor->peer->has_ended)
        peer_send_bytes (actor->peer, actor->half->data, actor->half->len);
    }
  crowd_settle (stage->fixture->crowd);

  for (guint i = 0; i < ACTORS; i++)
    {
      Actor *actor = &stage->actors[i];

      if (actor->peer == NULL)
        continue;
      check (stage, actor);
      if (!actor->is_closed)
        {
          g_assert_cmpuint (actor->next, ==, stage->sizes->len);
          g_assert_cmpuint (actor->heard, ==, actor->numbers_sent);
        }
      if (actor->asked != 0)
        g_assert_true (actor->is_closed);
      leave (stage, actor);
    }
  crowd_settle (stage->fixture->crowd);
}

static void
check_books (Stage *stage)
{
  const WsEngineStats stats = engine_fixture_stats (stage->fixture);
  guint64 closed = 0;

  for (guint i = 0; i < WS_CLOSE_SLOTS; i++)
    closed += stats.counters->closed[i];
  g_assert_cmpuint (stats.clients, ==, 0);
  g_assert_cmpuint (stats.counters->accepted, ==, stage->joined);
  g_assert_cmpuint (closed, ==, stage->joined);
  g_assert_cmpuint (stage->left, ==, stage->joined);
  g_assert_cmpuint (stats.published, ==, stage->sizes->len);
  g_assert_cmpuint (stats.counters->slow_closed, >, 0); /* otherwise the test proves nothing */
}

static void
play (EngineFixture *fixture, gboolean hands_over)
{
  g_autoptr (GPtrArray) sizes = g_ptr_array_new ();
  g_autofree Stage *stage = g_new0 (Stage, 1);

  stage->fixture = fixture;
  stage->sizes = sizes;
  stage->hands_over = hands_over;
  fixture->test_data = stage;
  fixture->on_message = publish_on_message;
  fixture->on_closed = record_closed;
  for (guint i = 0; i < STEPS; i++)
    step (stage);
  check_rest (stage);
  check_books (stage);
}

static void
every_client_sees_an_unbroken_run (EngineFixture *fixture, gconstpointer data)
{
  play (fixture, FALSE);
}

static void
no_client_sees_a_handover (EngineFixture *fixture, gconstpointer data)
{
  play (fixture, TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ENGINE_TEST ("/engine/model", &small_log, every_client_sees_an_unbroken_run);
  ENGINE_TEST ("/engine/model/handover", &small_log, no_client_sees_a_handover);

  return g_test_run ();
}
