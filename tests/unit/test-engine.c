/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The engine with clients that keep up: each gets every message once, in order. */

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "descriptors.h"
#include "engine-fixture.h"

#include <sys/socket.h>

#define ROUNDS 300

static void
publish_text (EngineFixture *fixture, WsClient *client, const guint8 *data, gsize size)
{
  ws_engine_publish (fixture->engine, WS_OPCODE_TEXT, data, size);
}

static void
message_reaches_all_clients_and_the_sender (EngineFixture *fixture, gconstpointer data)
{
  Peer *peers[3];

  fixture->on_message = publish_text;
  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peers[i] = engine_fixture_join (fixture, NULL);

  peer_send_text (peers[1], "hello");
  crowd_settle (fixture->crowd);
  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    {
      peer_expect_text (peers[i], "hello");
      peer_expect_silence (peers[i]);
    }
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->delivered, ==, 3);
}

static void
all_clients_see_the_same_order (EngineFixture *fixture, gconstpointer data)
{
  Peer *peers[50];

  fixture->on_message = publish_text;
  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peers[i] = engine_fixture_join (fixture, NULL);

  for (guint round = 0; round < 20; round++)
    {
      for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
        {
          g_autofree char *text = g_strdup_printf ("%u of %u", round, i);

          peer_send_text (peers[i], text);
        }
      g_main_context_iteration (fixture->crowd->context, FALSE);
    }
  crowd_settle (fixture->crowd);

  for (guint i = 1; i < G_N_ELEMENTS (peers); i++)
    g_assert_cmpmem (peers[i]->in->data, peers[i]->in->len, peers[0]->in->data, peers[0]->in->len);
  g_assert_cmpuint (engine_fixture_stats (fixture).published, ==, 20 * 50);
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->delivered, ==, 20 * 50 * 50);
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->messages_in, ==, 20 * 50);
}

static void
client_gets_messages_published_after_it_joined (EngineFixture *fixture, gconstpointer data)
{
  Peer *early, *late;

  engine_fixture_publish (fixture, 0, 10);
  early = engine_fixture_join (fixture, NULL);
  engine_fixture_publish (fixture, 1, 10);
  late = engine_fixture_join (fixture, NULL); /* message 1 is not flushed yet */
  engine_fixture_publish (fixture, 2, 10);
  crowd_settle (fixture->crowd);

  g_assert_cmpuint (engine_fixture_take (early, 1, 10), ==, 3);
  g_assert_cmpuint (engine_fixture_take (late, 2, 10), ==, 3);
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->delivered, ==, 3);
}

static void
message_stays_text_or_binary (EngineFixture *fixture, gconstpointer data)
{
  Peer *peer = engine_fixture_join (fixture, NULL);

  ws_engine_publish (fixture->engine, WS_OPCODE_TEXT, (const guint8 *) "t", 1);
  ws_engine_publish (fixture->engine, WS_OPCODE_BINARY, (const guint8 *) "b", 1);
  ws_engine_publish (fixture->engine, WS_OPCODE_TEXT, NULL, 0);
  crowd_settle (fixture->crowd);
  peer_expect_text (peer, "t");
  peer_expect (peer, FRAME_BINARY, "b", 1);
  peer_expect_text (peer, "");
}

/* Asserts that the next received bytes are @text, and removes them. */
static void
expect_bytes (Peer *peer, const char *text)
{
  g_assert_cmpuint (peer->in->len, >=, strlen (text));
  g_assert_cmpmem (peer->in->data, strlen (text), text, strlen (text));
  g_byte_array_remove_range (peer->in, 0, strlen (text));
}

static void
response_precedes_all_frames_and_is_not_counted (EngineFixture *fixture, gconstpointer data)
{
  int server_fd;
  Peer *peer = crowd_add (fixture->crowd, &server_fd);
  WsClient *client = ws_engine_adopt (fixture->engine, server_fd, "yes\n", NULL);

  ws_engine_publish (fixture->engine, WS_OPCODE_TEXT, (const guint8 *) "t", 1);
  crowd_settle (fixture->crowd);

  expect_bytes (peer, "yes\n");
  peer_expect_text (peer, "t");
  g_assert_cmpuint (client->record->sent, ==, 3);
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->bytes_out, ==, 3);
}

static void
response_is_sent_when_the_socket_is_writable (EngineFixture *fixture, gconstpointer data)
{
  const char filler[1000] = { 0 };
  int server_fd;
  Peer *peer = crowd_add (fixture->crowd, &server_fd);
  guint filled = 0;
  gssize n;

  while ((n = send (server_fd, filler, sizeof filler, MSG_DONTWAIT)) > 0)
    filled += n;
  g_assert_nonnull (ws_engine_adopt (fixture->engine, server_fd, "yes\n", NULL));
  ws_engine_publish (fixture->engine, WS_OPCODE_TEXT, (const guint8 *) "t", 1);
  crowd_settle (fixture->crowd);

  g_byte_array_remove_range (peer->in, 0, filled);
  expect_bytes (peer, "yes\n");
  peer_expect_text (peer, "t");
}

/* The data is larger than one read, and the end of the stream follows at once. */
static void
messages_sent_before_hanging_up_are_received (EngineFixture *fixture, gconstpointer data)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  Peer *peer = engine_fixture_join (fixture, NULL);
  g_autofree char *text = g_strnfill (60000, 'x');

  frame_append (bytes, FRAME_FIN | FRAME_TEXT, text, strlen (text));
  frame_append (bytes, FRAME_FIN | FRAME_TEXT, text, strlen (text));
  frame_append (bytes, FRAME_FIN | FRAME_TEXT, "last", 4);
  peer_send_bytes (peer, bytes->data, bytes->len);
  peer_hang_up (peer);
  crowd_settle (fixture->crowd);

  g_assert_cmpuint (fixture->messages->len, ==, 2 * 60001 + 5);
  g_assert_true (g_str_has_suffix (fixture->messages->str, ";last;"));
  g_assert_cmpstr (fixture->closed->str, ==, "1:1006;");
}

static void
thousands_of_messages_in_one_read_reach_all (EngineFixture *fixture, gconstpointer data)
{
  const guint count = 20000; /* more than the index of the log holds */
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  Peer *sender = engine_fixture_join (fixture, NULL);
  Peer *reader = engine_fixture_join (fixture, NULL);
  guint sent = 0;
  guint seen = 0;

  fixture->on_message = publish_text;
  while (seen < count)
    {
      guint8 digit;

      g_byte_array_set_size (bytes, 0);
      for (; sent < count && bytes->len < 100000; sent++)
        {
          digit = '0' + sent % 10;
          frame_append (bytes, FRAME_FIN | FRAME_TEXT, &digit, 1);
        }
      peer_send_bytes (sender, bytes->data, bytes->len);
      crowd_settle (fixture->crowd);

      g_assert_cmpuint (sender->in->len, ==, 3 * (sent - seen));
      for (guint i = 0; seen < sent; seen++, i++)
        {
          g_assert_cmphex (reader->in->data[3 * i + 2], ==, '0' + seen % 10);
          g_assert_cmphex (sender->in->data[3 * i + 2], ==, '0' + seen % 10);
        }
      g_byte_array_set_size (reader->in, 0);
      g_byte_array_set_size (sender->in, 0);
    }
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->slow_closed, ==, 0);
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->delivered, ==, 2 * count);
}

static void
log_wraps_without_clients (EngineFixture *fixture, gconstpointer data)
{
  Peer *peer;

  for (guint64 number = 0; number < 100; number++)
    engine_fixture_publish (fixture, number, 60000);
  peer = engine_fixture_join (fixture, NULL);
  engine_fixture_publish (fixture, 100, 60000);
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (engine_fixture_take (peer, 100, 60000), ==, 101);
}

static void
message_ids_increase (EngineFixture *fixture, gconstpointer data)
{
  WsId last = { 0 };

  for (guint i = 0; i < 10000; i++)
    {
      WsId id = ws_engine_publish (fixture->engine, WS_OPCODE_TEXT, NULL, 0);

      g_assert_true (id.ms > last.ms || (id.ms == last.ms && id.seq == last.seq + 1));
      last = id;
    }
  g_assert_cmpuint (last.ms, <=, g_get_real_time () / 1000);
  g_assert_cmpuint (last.ms, >, g_get_real_time () / 1000 - 60000);
}

static void
clients_come_and_go_while_messages_flow (EngineFixture *fixture, gconstpointer data)
{
  g_autoptr (GHashTable) first = g_hash_table_new (NULL,
                                                   NULL); /* peer -> number of its first message */
  GPtrArray *peers = fixture->crowd->peers;
  GHashTableIter iter;
  gpointer key, value;

  for (guint round = 0; round < ROUNDS; round++)
    {
      if (peers->len < 40)
        g_hash_table_insert (first, engine_fixture_join (fixture, NULL), GUINT_TO_POINTER (round));
      if (peers->len > 10 && round % 2 == 0)
        {
          Peer *leaving = g_ptr_array_index (peers, g_test_rand_int_range (0, peers->len));
          const guint number = GPOINTER_TO_UINT (g_hash_table_lookup (first, leaving));

          g_assert_cmpuint (engine_fixture_take (leaving, number, 100), ==, MAX (round, number));
          g_hash_table_remove (first, leaving);
          g_ptr_array_remove (peers, leaving); /* which hangs up */
        }
      engine_fixture_publish (fixture, round, 100);
      crowd_settle (fixture->crowd);
    }

  g_hash_table_iter_init (&iter, first);
  while (g_hash_table_iter_next (&iter, &key, &value))
    g_assert_cmpuint (engine_fixture_take (key, GPOINTER_TO_UINT (value), 100), ==, ROUNDS);
  g_assert_cmpuint (engine_fixture_stats (fixture).clients, ==, peers->len);
}

static void
stats_are_current (EngineFixture *fixture, gconstpointer data)
{
  WsEngineStats stats = engine_fixture_stats (fixture);

  g_assert_cmpuint (stats.log_size, ==, 1 << 20);
  g_assert_cmpuint (stats.log_used + stats.published + stats.clients + stats.counters->flush_passes,
                    ==, 0);
  g_assert_cmpuint (ws_engine_get_options (fixture->engine)->max_message, ==, 1 << 16);

  engine_fixture_join (fixture, NULL);
  engine_fixture_join (fixture, NULL);
  engine_fixture_publish (fixture, 0, 100);
  engine_fixture_publish (fixture, 1, 200);
  crowd_settle (fixture->crowd);
  stats = engine_fixture_stats (fixture);
  g_assert_cmpuint (stats.clients, ==, 2);
  g_assert_cmpuint (stats.published, ==, 2);
  g_assert_cmpuint (stats.log_used, ==, 102 + 204);
  g_assert_cmpuint (stats.counters->flush_passes, ==, 1); /* both messages in one pass */
  g_assert_cmpuint (stats.counters->accepted, ==, 2);
  g_assert_cmpuint (stats.counters->peak, ==, 2);
  g_assert_cmpuint (stats.counters->bytes_out, ==, 2 * (102 + 204));
}

static void
descriptor_that_cannot_be_watched_is_refused (EngineFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  const int fd = open ("/proc/self/exe", O_RDONLY | O_CLOEXEC); /* epoll refuses regular files */

  g_assert_null (ws_engine_adopt (fixture->engine, fd, NULL, &error));
  g_assert_true (error != NULL && error->domain == G_FILE_ERROR);
  g_assert_cmpint (fcntl (fd, F_GETFD), ==, -1);
  g_assert_cmpuint (engine_fixture_stats (fixture).clients, ==, 0);
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->accepted, ==, 0);
  g_assert_cmpstr (fixture->closed->str, ==, "");
}

static void
freed_engine_closes_without_a_close_frame (EngineFixture *fixture, gconstpointer data)
{
  Peer *peer = engine_fixture_join (fixture, NULL);
  Peer *stalled = engine_fixture_join_stalled (fixture, NULL);

  engine_fixture_publish (fixture, 0, 60000);
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (engine_fixture_take (peer, 0, 60000), ==, 1);
  g_clear_pointer (&fixture->engine, ws_engine_free);
  crowd_settle (fixture->crowd);
  peer_expect_end (peer);
  peer_read (stalled, G_MAXSIZE);
  g_assert_true (stalled->has_ended);
  g_assert_cmpstr (fixture->closed->str, ==, "");
}

/* An epoll set keeps a socket until all its descriptors are closed (epoll(7)), and another process
 * may have one. */
static void
gone_client_is_not_watched_if_another_process_has_its_socket (EngineFixture *fixture,
                                                              gconstpointer data)
{
  WsClient *client;
  Peer *peer = engine_fixture_join (fixture, &client);
  const int held = dup (client->record->fd);

  g_assert_cmpuint (descriptors_count_watched (), ==, 1);
  peer_send_close (peer, WS_CLOSE_NORMAL);
  crowd_settle (fixture->crowd);
  g_assert_cmpstr (fixture->closed->str, ==, "1:1000;");
  g_assert_cmpuint (descriptors_count_watched (), ==, 0);
  peer_send_text (peer, "unheard");
  crowd_settle (fixture->crowd);
  close (held);
}

static void
engine_that_cannot_be_created_is_an_error (void)
{
  const WsEngineOptions options = { .log_size = 4096, .max_message = 512, .max_clients = 1 };
  const WsEngineEvents events = { 0 };
  const char *const wants[] = { "ringdown-log", "ringdown-table", "epoll" };
  const guint descriptors = descriptors_count ();

  for (guint spare = 0; spare < G_N_ELEMENTS (wants); spare++)
    {
      g_autoptr (GError) error = NULL;
      const guint64 limit = descriptors_restrict (spare);
      g_autoptr (WsEngine) engine = ws_engine_new (&options, &events, NULL, &error);

      descriptors_restore (limit);
      g_assert_null (engine);
      g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_MFILE);
      g_assert_nonnull (strstr (error->message, wants[spare]));
      g_assert_cmpuint (descriptors_count (), ==, descriptors);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ENGINE_TEST ("/engine/broadcast", NULL, message_reaches_all_clients_and_the_sender);
  ENGINE_TEST ("/engine/broadcast/order", NULL, all_clients_see_the_same_order);
  ENGINE_TEST ("/engine/broadcast/opcode", NULL, message_stays_text_or_binary);
  ENGINE_TEST ("/engine/broadcast/round", NULL, log_wraps_without_clients);
  ENGINE_TEST ("/engine/broadcast/ids", NULL, message_ids_increase);
  ENGINE_TEST ("/engine/adopt", NULL, client_gets_messages_published_after_it_joined);
  ENGINE_TEST ("/engine/adopt/response", NULL, response_precedes_all_frames_and_is_not_counted);
  ENGINE_TEST ("/engine/adopt/blocked", NULL, response_is_sent_when_the_socket_is_writable);
  ENGINE_TEST ("/engine/adopt/refused", NULL, descriptor_that_cannot_be_watched_is_refused);
  ENGINE_TEST ("/engine/read/end", NULL, messages_sent_before_hanging_up_are_received);
  ENGINE_TEST ("/engine/read/many", NULL, thousands_of_messages_in_one_read_reach_all);
  ENGINE_TEST ("/engine/churn", NULL, clients_come_and_go_while_messages_flow);
  ENGINE_TEST ("/engine/leave/held", NULL,
               gone_client_is_not_watched_if_another_process_has_its_socket);
  ENGINE_TEST ("/engine/stats", NULL, stats_are_current);
  ENGINE_TEST ("/engine/free", NULL, freed_engine_closes_without_a_close_frame);
  g_test_add_func ("/engine/new/refused", engine_that_cannot_be_created_is_an_error);

  return g_test_run ();
}
