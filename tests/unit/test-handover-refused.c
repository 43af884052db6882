/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* What cannot be a hand-over is refused, in words, and without a loss; what might be one does no
 * harm, whatever is in it. */

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "descriptors.h"
#include "handover-fixture.h"
#include "ws-memfd.h"

#define ROUNDS        3000
#define PAGE          4096
#define LAYOUT_OFFSET 8 /* in the memory of log and table alike */

static const WsEngineOptions small_log
  = { .log_size = 1 << 13, .max_message = 1 << 10, .max_clients = 20 };

/* Puts a copy that may be spoiled in the place of memory that is shared. */
static void
copy_memory (int *fd)
{
  const gsize size = ws_memfd_get_size (*fd);
  const int copy = ws_memfd_create ("ringdown-test", size, NULL);
  g_autofree guint8 *bytes = g_malloc (size);

  g_assert_cmpint (pread (*fd, bytes, size, 0), ==, size);
  g_assert_cmpint (pwrite (copy, bytes, size, 0), ==, size);
  close (*fd);
  *fd = copy;
}

static WsHandover *
receive_copy (EngineFixture *fixture)
{
  WsHandover *handover = handover_receive (fixture);

  copy_memory (&handover->log_fd);
  copy_memory (&handover->table_fd);
  return handover;
}

/* Asserts that the engine that was to end goes on with all its clients. */
static void
assert_goes_on (EngineFixture *fixture)
{
  ws_engine_resume (fixture->engine);
  for (guint i = 0; i < fixture->crowd->peers->len; i++)
    g_byte_array_set_size (((Peer *) fixture->crowd->peers->pdata[i])->in, 0);
  engine_fixture_publish (fixture, 7, 20);
  crowd_settle (fixture->crowd);
  for (guint i = 0; i < fixture->crowd->peers->len; i++)
    peer_expect_message (fixture->crowd->peers->pdata[i], 7, 20);
  g_assert_cmpstr (fixture->closed->str, ==, "");
  ws_engine_pause (fixture->engine);
}

static void
assert_refused (EngineFixture *fixture, WsHandover *handover, const char *why)
{
  g_autoptr (GError) error = handover_refuse (fixture, handover);

  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, why));
  assert_goes_on (fixture);
}

static void
set_up (EngineFixture *fixture)
{
  for (guint i = 0; i < 4; i++)
    peer_send_bytes (engine_fixture_join (fixture, NULL), "\x81", 1);
  engine_fixture_publish (fixture, 0, 100);
  crowd_settle (fixture->crowd);
  ws_engine_pause (fixture->engine);
}

static void
other_layout_is_refused (EngineFixture *fixture, gconstpointer data)
{
  const guint64 layout = 77;
  WsHandover *handover;

  set_up (fixture);
  handover = receive_copy (fixture);
  g_assert_cmpint (pwrite (handover->log_fd, &layout, sizeof layout, LAYOUT_OFFSET), ==, 8);
  assert_refused (fixture, handover,
                  "the log: its layout version is 77, and only version 1 is supported");

  handover = receive_copy (fixture);
  g_assert_cmpint (pwrite (handover->table_fd, &layout, sizeof layout, LAYOUT_OFFSET), ==, 8);
  assert_refused (
    fixture, handover,
    "the table of clients: its layout version is 77, and only version 1 is supported");

  handover = handover_receive (fixture);
  g_variant_unref (handover->state);
  handover->state = g_variant_ref_sink (g_variant_new ("(uv)", 77, g_variant_new_string ("new")));
  assert_refused (fixture, handover, "the clients: layout 77 is not supported, only layout 1");
}

static void
state_of_another_type_is_refused (EngineFixture *fixture, gconstpointer data)
{
  WsHandover *handover;

  set_up (fixture);
  handover = handover_receive (fixture);
  g_variant_unref (handover->state);
  handover->state = g_variant_ref_sink (g_variant_new_string ("what?"));
  assert_refused (fixture, handover, "damaged");

  handover = handover_receive (fixture);
  g_variant_unref (handover->state);
  handover->state = g_variant_ref_sink (g_variant_new ("(uv)", 1, g_variant_new_string ("what?")));
  assert_refused (fixture, handover, "damaged");
}

/* One client's bytes must never go to another: wherever one is lost, or comes twice. */
static void
sockets_that_are_shifted_are_refused (EngineFixture *fixture, gconstpointer data)
{
  set_up (fixture);
  for (guint at = 0; at < 3; at++)
    {
      WsHandover *handover = handover_receive (fixture);
      int fd = g_array_index (handover->sockets, int, at);

      close (fd);
      g_array_remove_index (handover->sockets, at);
      assert_refused (fixture, handover, "damaged");

      handover = handover_receive (fixture);
      close (g_array_index (handover->sockets, int, 3));
      g_array_set_size (handover->sockets, 3);
      fd = dup (g_array_index (handover->sockets, int, at));
      g_array_insert_val (handover->sockets, at, fd);
      assert_refused (fixture, handover, "damaged");
    }
}

/* The last one is where it should be. */
static void
sockets_that_changed_places_are_refused (EngineFixture *fixture, gconstpointer data)
{
  WsHandover *handover;
  int *sockets;
  int other;

  for (guint i = 0; i < 18; i++)
    engine_fixture_join (fixture, NULL);
  ws_engine_pause (fixture->engine);
  handover = handover_receive (fixture);
  sockets = (int *) (gpointer) handover->sockets->data;
  other = sockets[15];
  sockets[15] = sockets[16];
  sockets[16] = other;
  assert_refused (fixture, handover, "damaged");
}

static void
clients_with_ids_they_cannot_have_are_refused (EngineFixture *fixture, gconstpointer data)
{
  const guint64 ids[] = { 1, 5, G_MAXUINT64 }; /* the first one's, one that was not given yet */

  set_up (fixture);
  for (gsize i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      WsHandover *handover = receive_copy (fixture);
      const off_t at = PAGE + 2 * sizeof (WsRecord) + G_STRUCT_OFFSET (WsRecord, id);

      g_assert_cmpint (pwrite (handover->table_fd, &ids[i], sizeof ids[i], at), ==, 8);
      assert_refused (fixture, handover, "damaged");
    }
}

static void
sockets_that_nobody_knows_are_refused (EngineFixture *fixture, gconstpointer data)
{
  WsHandover *handover;
  int fds[2];

  set_up (fixture);
  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  handover = handover_receive (fixture);
  g_array_append_val (handover->sockets, fds[0]);
  assert_refused (fixture, handover, "damaged");

  handover = handover_receive (fixture);
  close (g_array_index (handover->sockets, int, 3));
  g_array_index (handover->sockets, int, 3) = fds[1];
  assert_refused (fixture, handover, "damaged");

  handover = handover_receive (fixture);
  close (g_array_index (handover->sockets, int, 3));
  g_array_index (handover->sockets, int, 3) = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  assert_refused (fixture, handover, "damaged");
}

/* Memory that could shrink would kill whoever maps it. */
static void
memory_that_is_not_sealed_is_refused (EngineFixture *fixture, gconstpointer data)
{
  WsHandover *handover;

  set_up (fixture);
  for (guint i = 0; i < 2; i++)
    {
      int *fd;
      g_autofree guint8 *bytes = NULL;
      gsize size;
      int copy;

      handover = handover_receive (fixture);
      fd = i == 0 ? &handover->log_fd : &handover->table_fd;
      size = ws_memfd_get_size (*fd);
      bytes = g_malloc (size);
      g_assert_cmpint (pread (*fd, bytes, size, 0), ==, size);
      copy = memory_file_new (0);
      g_assert_cmpint (write (copy, bytes, size), ==, size);
      close (*fd);
      *fd = copy;
      assert_refused (fixture, handover, "damaged");
    }

  handover = handover_receive (fixture);
  close (handover->log_fd);
  handover->log_fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  assert_refused (fixture, handover, "damaged");
}

static void
lack_of_descriptors_is_told (EngineFixture *fixture, gconstpointer data)
{
  const char *const wants[] = { "ringdown-table", "epoll" };

  set_up (fixture);
  for (guint spare = 0; spare < G_N_ELEMENTS (wants); spare++)
    {
      WsHandover *handover = handover_receive (fixture);
      g_autoptr (GError) error = NULL;
      guint64 limit = descriptors_restrict (spare);

      g_assert_null (engine_fixture_new_from (fixture, handover, &small_log, &error));
      descriptors_restore (limit);
      g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_MFILE);
      g_assert_nonnull (strstr (error->message, wants[spare]));
      handover_discard (handover);
      assert_goes_on (fixture);
    }
}

/* Every kind of client there is, all of them half-way. */
static void
set_up_all_kinds (EngineFixture *fixture)
{
  Peer *peers[8];

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peers[i] = i < 4 ? engine_fixture_join (fixture, NULL)
                     : engine_fixture_join_stalled (fixture, NULL);
  for (guint i = 0; i < 9; i++)
    engine_fixture_publish (fixture, i, 1000); /* the stalled are evicted */
  peers[0] = engine_fixture_join_stalled (fixture, NULL);
  engine_fixture_publish (fixture, 0, 1000);
  engine_fixture_publish (fixture, 0, 1000);
  engine_fixture_publish (fixture, 0, 1000);
  engine_fixture_publish (fixture, 0, 1000);
  engine_fixture_publish (fixture, 0, 1000);
  crowd_settle (fixture->crowd);

  peer_send (peers[0], FRAME_PING, "answer", 6);
  peer_send_bytes (peers[1], "\x81", 1);
  peer_send_bytes (peers[2], "\x01\x83\0\0\0\0x\xC3", 8);
  peer_send_close (engine_fixture_join (fixture, NULL), WS_CLOSE_NORMAL);
  peer_send_bytes (engine_fixture_join (fixture, NULL), "\xFF", 1);
  ws_engine_close (fixture->engine, handover_find_client (fixture, 4), WS_CLOSE_NORMAL, "bye");
  crowd_settle (fixture->crowd);
  ws_engine_pause (fixture->engine);
}

static void
spoil (guint8 *bytes, gsize size)
{
  const guint8 extremes[] = { 0x00, 0xFF, 0x7F, 0x80, 0x01 };

  for (gint n = g_test_rand_int_range (1, 4); n > 0; n--)
    {
      guint8 *byte = bytes + g_test_rand_int_range (0, size);

      if (g_test_rand_bit ())
        *byte ^= 1 << g_test_rand_int_range (0, 8);
      else
        *byte = extremes[g_test_rand_int_range (0, G_N_ELEMENTS (extremes))];
    }
}

/* Where the fields are: the header's page, and what follows. */
static void
spoil_memory (int fd, gsize from, gsize size)
{
  guint8 *bytes = mmap (NULL, PAGE + PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

  g_assert_true (bytes != MAP_FAILED);
  spoil (bytes + from, size);
  munmap (bytes, PAGE + PAGE);
}

static void
spoil_state (WsHandover *handover)
{
  const gsize size = g_variant_get_size (handover->state);
  guint8 *bytes = g_memdup2 (g_variant_get_data (handover->state), size);
  GVariant *spoilt;

  spoil (bytes, size);
  spoilt = g_variant_new_from_data (G_VARIANT_TYPE ("(uv)"), bytes, size, FALSE, g_free, bytes);
  g_variant_unref (handover->state);
  handover->state = g_variant_ref_sink (spoilt);
}

/* Lets the clients of an engine that was made of anything hear, speak and leave. */
static void
live (EngineFixture *fixture, WsEngine *engine)
{
  GMainContext *context = fixture->crowd->context;

  ws_engine_attach (engine, context);
  ws_engine_resume (engine);
  for (guint i = 0; i < 20; i++)
    {
      ws_engine_publish (engine, WS_OPCODE_TEXT, (const guint8 *) "hello", 5);
      g_main_context_iteration (context, FALSE);
    }
  ws_engine_close_all (engine, WS_CLOSE_GOING_AWAY, NULL);
  while (g_main_context_iteration (context, FALSE))
    ;
  ws_engine_pause (engine);
  ws_handover_free (ws_engine_pack (engine));
  ws_engine_free (engine);
}

/* The state of every connection is made anew for each round: what is sent is gone. */
static void
whatever_is_damaged_does_no_harm (EngineFixture *fixture, gconstpointer data)
{
  guint refused = 0;

  for (guint round = 0; round < ROUNDS; round++)
    {
      g_autoptr (GError) error = NULL;
      WsHandover *handover;
      WsEngine *engine;

      if (round % 10 == 0)
        {
          g_clear_pointer (&fixture->engine, ws_engine_free);
          g_ptr_array_set_size (fixture->crowd->peers, 0);
          fixture->engine = engine_fixture_new (fixture, &small_log);
          ws_engine_attach (fixture->engine, fixture->crowd->context);
          set_up_all_kinds (fixture);
        }
      handover = receive_copy (fixture);
      switch (round % 5)
        {
        case 0:
          spoil_memory (handover->log_fd, 0, 80); /* the header */
          break;
        case 1:
          spoil_memory (handover->log_fd, PAGE, 20 * 24); /* the index */
          break;
        case 2:
          spoil_memory (handover->table_fd, 0, 60);
          break;
        case 3:
          spoil_memory (handover->table_fd, PAGE, handover->sockets->len * sizeof (WsRecord));
          break;
        default:
          spoil_state (handover);
          break;
        }

      engine = engine_fixture_new_from (fixture, handover, &small_log, &error);
      g_assert_true ((engine == NULL) == (error != NULL));
      refused += error != NULL;
      handover_discard (handover);
      if (engine != NULL)
        live (fixture, engine);
    }
  g_test_message ("%u of %u refused", refused, ROUNDS);
  g_assert_cmpuint (refused, >, ROUNDS / 4); /* or this was no test */
  g_assert_cmpuint (refused, <, ROUNDS);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ENGINE_TEST ("/handover/refused/layout", &small_log, other_layout_is_refused);
  ENGINE_TEST ("/handover/refused/type", &small_log, state_of_another_type_is_refused);
  ENGINE_TEST ("/handover/refused/order", &small_log, sockets_that_are_shifted_are_refused);
  ENGINE_TEST ("/handover/refused/places", &small_log, sockets_that_changed_places_are_refused);
  ENGINE_TEST ("/handover/refused/ids", &small_log, clients_with_ids_they_cannot_have_are_refused);
  ENGINE_TEST ("/handover/refused/sockets", &small_log, sockets_that_nobody_knows_are_refused);
  ENGINE_TEST ("/handover/refused/unsealed", &small_log, memory_that_is_not_sealed_is_refused);
  ENGINE_TEST ("/handover/refused/descriptors", &small_log, lack_of_descriptors_is_told);
  ENGINE_TEST ("/handover/damaged", &small_log, whatever_is_damaged_does_no_harm);

  return g_test_run ();
}
