/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Flush passes that take more than one turn, while the table changes. Messages are so large and
 * clients so many that one turn is never enough, which is asserted. */

#include <string.h>

#include "descriptors.h"
#include "engine-fixture.h"

#define CLIENTS 800
#define SIZE    50000 /* bytes of a message; a socket holds two */

static const WsEngineOptions many_clients
  = { .log_size = 1 << 20, .max_message = 1 << 16, .max_clients = CLIENTS + 1 };

static void
hang_up_and_publish (EngineFixture *fixture, WsClient *client, const guint8 *data, gsize size)
{
  GPtrArray *leaving = fixture->test_data;

  for (guint i = 0; i < leaving->len; i++)
    peer_hang_up (leaving->pdata[i]);
  engine_fixture_publish (fixture, 0, SIZE);
  engine_fixture_publish (fixture, 1, SIZE);
}

/* Adds CLIENTS peers. Those of slots @from … @to - 1 hang up in the turn in which the last peer
 * sends a message, which is published to all. @clients: (out) (nullable). Returns in the middle of
 * that pass. */
static void
begin_pass (EngineFixture *fixture, Peer **peers, WsClient **clients, guint from, guint to)
{
  g_autoptr (GPtrArray) leaving = g_ptr_array_new ();

  for (guint i = 0; i < CLIENTS; i++)
    peers[i] = engine_fixture_join (fixture, clients != NULL ? &clients[i] : NULL);
  crowd_settle (fixture->crowd);
  for (guint i = from; i < to; i++)
    g_ptr_array_add (leaving, peers[i]);

  fixture->test_data = leaving;
  fixture->on_message = hang_up_and_publish;
  peer_send_text (peers[CLIENTS - 1], "now");
  g_main_context_iteration (fixture->crowd->context, TRUE);
  fixture->on_message = NULL;

  g_assert_cmpuint (engine_fixture_stats (fixture).counters->flush_passes, ==, 0);
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->delivered, >, 0);
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->delivered, <, 2 * CLIENTS);
}

/* Ends the pass, and asserts that each remaining peer got both messages once. */
static void
end_pass (EngineFixture *fixture, Peer **peers)
{
  guint remaining = 0;

  crowd_settle (fixture->crowd);
  for (guint i = 0; i < CLIENTS; i++)
    if (peers[i]->fd >= 0)
      {
        g_assert_cmpuint (engine_fixture_take (peers[i], 0, SIZE), ==, 2);
        peer_expect_silence (peers[i]);
        remaining++;
      }
  g_assert_cmpuint (engine_fixture_stats (fixture).clients, ==, remaining);
  g_assert_cmpuint (engine_fixture_count_closed (fixture, 1006)
                      + engine_fixture_count_closed (fixture, 4000),
                    ==, CLIENTS - remaining);
}

static void
pass_continues_in_the_next_turn (EngineFixture *fixture, gconstpointer data)
{
  Peer *peers[CLIENTS];

  begin_pass (fixture, peers, NULL, 0, 0);
  end_pass (fixture, peers);
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->flush_passes, ==, 1);
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->delivered, ==, 2 * CLIENTS);
}

/* The last records, which the pass has not reached, move to slots that the pass has left behind. */
static void
clients_moved_to_visited_slots_are_sent_to (EngineFixture *fixture, gconstpointer data)
{
  Peer *peers[CLIENTS];

  begin_pass (fixture, peers, NULL, 10, 50);
  g_assert_cmpuint (engine_fixture_stats (fixture).clients, ==, CLIENTS - 40);
  end_pass (fixture, peers);
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->delivered, ==, 2 * (CLIENTS - 40));
}

/* More than half of the clients leave, on both sides of the current slot. */
static void
pass_ends_if_the_table_becomes_shorter_than_its_slot (EngineFixture *fixture, gconstpointer data)
{
  Peer *peers[CLIENTS];
  WsClient *clients[CLIENTS];

  begin_pass (fixture, peers, clients, 0, 0);
  for (guint i = 0; i < CLIENTS; i++)
    if (i < CLIENTS / 5 || i > CLIENTS / 5 * 3)
      {
        peer_hang_up (peers[i]);
        ws_engine_close (fixture->engine, clients[i], 4000, ""); /* the attempt to send fails */
      }
  end_pass (fixture, peers);
}

static void
clients_may_leave_between_the_turns_of_a_pass (EngineFixture *fixture, gconstpointer data)
{
  Peer *peers[CLIENTS];

  begin_pass (fixture, peers, NULL, 10, 30);
  for (guint i = 30; i < CLIENTS; i += 3)
    peer_hang_up (peers[i]);
  end_pass (fixture, peers);
}

static void
messages_between_the_turns_of_a_pass_come_in_order (EngineFixture *fixture, gconstpointer data)
{
  Peer *peers[CLIENTS];
  Peer *late;

  begin_pass (fixture, peers, NULL, 10, 50);
  engine_fixture_publish (fixture, 2, SIZE);
  late = engine_fixture_join (fixture, NULL);
  engine_fixture_publish (fixture, 3, SIZE);
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (engine_fixture_take (late, 3, SIZE), ==, 4);
  for (guint i = 0; i < CLIENTS; i++)
    if (peers[i]->fd >= 0)
      g_assert_cmpuint (engine_fixture_take (peers[i], 0, SIZE), ==, 4);
}

/* Otherwise clients could fill the log faster than the pass sends it. */
static void
nothing_is_read_during_a_pass (EngineFixture *fixture, gconstpointer data)
{
  Peer *peers[CLIENTS];

  begin_pass (fixture, peers, NULL, 0, 0);
  g_string_truncate (fixture->messages, 0);
  peer_send_text (peers[0], "meanwhile");
  while (engine_fixture_stats (fixture).counters->flush_passes == 0)
    {
      g_main_context_iteration (fixture->crowd->context, TRUE);
      g_assert_cmpstr (fixture->messages->str, ==, "");
    }
  crowd_settle (fixture->crowd);
  g_assert_cmpstr (fixture->messages->str, ==, "meanwhile;");
}

/* The log wraps in the middle of the pass, so that appends must send to the remaining clients. */
static void
burst_between_the_turns_of_a_pass_loses_nothing (EngineFixture *fixture, gconstpointer data)
{
  const guint count = 30; /* the log holds 20 */
  Peer *peers[CLIENTS];

  begin_pass (fixture, peers, NULL, 10, 50);
  for (guint64 number = 2; number < count; number++)
    {
      for (guint i = 0; i < CLIENTS; i++)
        peer_read (peers[i], G_MAXSIZE);
      engine_fixture_publish (fixture, number, SIZE);
    }
  crowd_settle (fixture->crowd);
  for (guint i = 0; i < CLIENTS; i++)
    if (peers[i]->fd >= 0)
      g_assert_cmpuint (engine_fixture_take (peers[i], 0, SIZE), ==, count);
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->slow_closed, ==, 0);
}

static void
clients_may_be_closed_between_the_turns_of_a_pass (EngineFixture *fixture, gconstpointer data)
{
  Peer *peers[CLIENTS];

  begin_pass (fixture, peers, NULL, 10, 50);
  ws_engine_close_all (fixture->engine, WS_CLOSE_SERVICE_RESTART, "");
  crowd_settle (fixture->crowd);
  for (guint i = 0; i < CLIENTS; i++)
    if (peers[i]->fd >= 0)
      {
        peer_expect_message (peers[i], 0, SIZE);
        peer_expect_message (peers[i], 1, SIZE);
        peer_expect_close (peers[i], WS_CLOSE_SERVICE_RESTART, "");
        peer_send_close (peers[i], WS_CLOSE_SERVICE_RESTART);
      }
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (engine_fixture_count_closed (fixture, 1012), ==, CLIENTS - 40);
  g_assert_cmpuint (engine_fixture_stats (fixture).clients, ==, 0);
}

#define ADD(path, function) ENGINE_TEST (path, &many_clients, function)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  descriptors_raise ();

  ADD ("/engine/pass", pass_continues_in_the_next_turn);
  ADD ("/engine/pass/moved", clients_moved_to_visited_slots_are_sent_to);
  ADD ("/engine/pass/shrunk", pass_ends_if_the_table_becomes_shorter_than_its_slot);
  ADD ("/engine/pass/leaving", clients_may_leave_between_the_turns_of_a_pass);
  ADD ("/engine/pass/publish", messages_between_the_turns_of_a_pass_come_in_order);
  ADD ("/engine/pass/read", nothing_is_read_during_a_pass);
  ADD ("/engine/pass/burst", burst_between_the_turns_of_a_pass_loses_nothing);
  ADD ("/engine/pass/close", clients_may_be_closed_between_the_turns_of_a_pass);

  return g_test_run ();
}
