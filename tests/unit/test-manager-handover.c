/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Hand-over of clients from one manager to another. See test-handover for partial input and output.
 */

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core-fixture.h"
#include "handover-fixture.h"

static void
broadcast (RdManager *manager, const char *text)
{
  RdMessage message = { .topic = RD_TOPIC_BROADCAST,
                        .opcode = WS_OPCODE_TEXT,
                        .data = (const guint8 *) text,
                        .size = strlen (text) };

  rd_manager_broadcast (manager, &message);
}

static void
receive_fd (int *fd)
{
  *fd = fcntl (*fd, F_DUPFD_CLOEXEC, 0);
  g_assert_cmpint (*fd, >=, 0);
}

/* Packs the paused manager. Returns: (transfer full): a copy with duplicated descriptors. */
static WsHandover *
receive (CoreFixture *fixture)
{
  WsHandover *handover = ws_engine_pack (rd_manager_get_engine (fixture->manager));

  receive_fd (&handover->log_fd);
  receive_fd (&handover->table_fd);
  for (guint i = 0; i < handover->sockets->len; i++)
    receive_fd (&g_array_index (handover->sockets, int, i));
  return handover;
}

/* Returns: (transfer full): a manager that has taken over and is still paused. */
static RdManager *
make_new_manager (CoreFixture *fixture)
{
  WsHandover *handover = receive (fixture);
  RdManager *new_manager = core_fixture_new_manager (fixture, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (rd_manager_take_over (new_manager, handover, &error));
  g_assert_no_error (error);
  handover_discard (handover);
  return new_manager;
}

/* Replaces the fixture's manager with one that took over. */
static void
hand_over (CoreFixture *fixture)
{
  RdManager *new_manager;

  ws_engine_pause (rd_manager_get_engine (fixture->manager));
  new_manager = make_new_manager (fixture);
  g_assert_finalize_object (fixture->manager);
  fixture->manager = new_manager;
  ws_engine_resume (rd_manager_get_engine (new_manager));
}

static void
resumed_manager_continues (CoreFixture *fixture, gconstpointer data)
{
  Peer *peer = core_fixture_join (fixture);

  for (guint i = 0; i < 2; i++)
    {
      core_fixture_expect (fixture, i == 0 ? "+1;=1;" : "");
      ws_engine_pause (rd_manager_get_engine (fixture->manager));
      peer_send_text (peer, "hello");
      crowd_settle (fixture->crowd);
      core_fixture_expect (fixture, "");

      ws_engine_resume (rd_manager_get_engine (fixture->manager));
      crowd_settle (fixture->crowd);
      core_fixture_expect (fixture, "hello;");
      broadcast (fixture->manager, "you too");
      crowd_settle (fixture->crowd);
      peer_expect_text (peer, "you too");
    }
}

static void
new_manager_serves_all_clients (CoreFixture *fixture, gconstpointer data)
{
  Peer *first = core_fixture_join (fixture);
  Peer *second = core_fixture_join (fixture);

  core_fixture_expect (fixture, "+1;=1;+2;=2;");
  hand_over (fixture);
  core_fixture_expect (fixture, "=2;"); /* no client is reported as connected */
  g_assert_cmpuint (rd_manager_get_connections (fixture->manager), ==, 2);

  broadcast (fixture->manager, "hello");
  peer_send_text (second, "you too");
  crowd_settle (fixture->crowd);
  peer_expect_text (first, "hello");
  peer_expect_text (second, "hello");
  core_fixture_expect (fixture, "you too;");

  peer_hang_up (first);
  crowd_settle (fixture->crowd);
  core_fixture_expect (fixture, "-1:1006 left;=1;");
}

static void
clients_keep_their_ids (CoreFixture *fixture, gconstpointer data)
{
  Peer *peers[3];
  g_autoptr (GPtrArray) list = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peers[i] = core_fixture_join (fixture);
  hand_over (fixture);
  core_fixture_join (fixture);
  core_fixture_expect (fixture, "+1;=1;+2;=2;+3;=3;=3;+4;=4;");

  list = rd_manager_list (fixture->manager);
  g_assert_cmpuint (list->len, ==, 4);
  for (guint i = 0; i < list->len; i++)
    g_assert_cmpuint (((const WsClient *) list->pdata[i])->id, ==, i + 1);

  g_assert_true (rd_manager_close (fixture->manager, 2, 4321, "", NULL));
  crowd_settle (fixture->crowd);
  peer_expect_close (peers[1], 4321, "");
  peer_expect_silence (peers[0]);
  peer_expect_silence (peers[2]);
}

static void
new_manager_can_hand_over_again (CoreFixture *fixture, gconstpointer data)
{
  Peer *peer = core_fixture_join (fixture);

  for (guint i = 0; i < 3; i++)
    hand_over (fixture);
  core_fixture_expect (fixture, "+1;=1;=1;=1;=1;");
  broadcast (fixture->manager, "hello");
  crowd_settle (fixture->crowd);
  peer_expect_text (peer, "hello");
}

static void
new_manager_freed_before_its_start_changes_nothing (CoreFixture *fixture, gconstpointer data)
{
  Peer *peer = core_fixture_join (fixture);
  RdManager *new_manager;

  ws_engine_pause (rd_manager_get_engine (fixture->manager));
  new_manager = make_new_manager (fixture);
  peer_send_text (peer, "hello");
  crowd_settle (fixture->crowd);
  core_fixture_expect (fixture, "+1;=1;=1;"); /* input is not read yet */
  g_assert_finalize_object (new_manager);

  ws_engine_resume (rd_manager_get_engine (fixture->manager));
  broadcast (fixture->manager, "you too");
  crowd_settle (fixture->crowd);
  core_fixture_expect (fixture, "hello;");
  peer_expect_text (peer, "you too");
}

static void
failed_takeover_leaves_the_new_manager_unchanged (CoreFixture *fixture, gconstpointer data)
{
  Peer *peer = core_fixture_join (fixture);
  RdManager *new_manager = core_fixture_new_manager (fixture, NULL);
  g_autoptr (GError) error = NULL;
  WsHandover *handover;

  ws_engine_pause (rd_manager_get_engine (fixture->manager));
  handover = receive (fixture);
  g_variant_unref (handover->state);
  handover->state = g_variant_ref_sink (g_variant_new_string ("of another kind"));
  g_assert_false (rd_manager_take_over (new_manager, handover, &error));
  g_assert_true (error != NULL && error->domain == G_FILE_ERROR);
  handover_discard (handover);
  ws_engine_resume (rd_manager_get_engine (fixture->manager));
  core_fixture_expect (fixture, "+1;=1;");

  peer_hang_up (peer);
  crowd_settle (fixture->crowd);
  core_fixture_expect (fixture, "-1:1006 left;=0;");
  g_assert_finalize_object (fixture->manager);
  fixture->manager = new_manager;
  core_fixture_join (fixture);
  core_fixture_expect (fixture, "+1;=1;");
}

static void
clients_that_cannot_be_moved_are_closed (CoreFixture *fixture, gconstpointer data)
{
  Peer *first = core_fixture_join (fixture);
  Peer *second = core_fixture_join (fixture);
  RdManager *new_manager = core_fixture_new_manager (fixture, NULL);
  WsHandover *handover;

  ws_engine_pause (rd_manager_get_engine (fixture->manager));
  handover = receive (fixture);
  close (g_array_index (handover->sockets, int, 1));
  g_array_set_size (handover->sockets, 1);
  g_assert_true (rd_manager_take_over (new_manager, handover, NULL));
  g_assert_cmpuint (handover->moved, ==, 1);
  g_assert_cmpuint (handover->closed, ==, 1);
  handover_discard (handover);
  ws_engine_close_from (rd_manager_get_engine (fixture->manager), 1);
  g_assert_finalize_object (fixture->manager);
  fixture->manager = new_manager;
  ws_engine_resume (rd_manager_get_engine (new_manager));

  broadcast (new_manager, "hello");
  crowd_settle (fixture->crowd);
  peer_expect_text (first, "hello");
  peer_expect_close (second, WS_CLOSE_SERVICE_RESTART, "service restart");
  peer_expect_end (second);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  CORE_TEST ("/manager/pause", NULL, resumed_manager_continues);
  CORE_TEST ("/manager/handover", NULL, new_manager_serves_all_clients);
  CORE_TEST ("/manager/handover/ids", NULL, clients_keep_their_ids);
  CORE_TEST ("/manager/handover/again", NULL, new_manager_can_hand_over_again);
  CORE_TEST ("/manager/handover/back", NULL, new_manager_freed_before_its_start_changes_nothing);
  CORE_TEST ("/manager/handover/refused", NULL, failed_takeover_leaves_the_new_manager_unchanged);
  CORE_TEST ("/manager/handover/left-behind", NULL, clients_that_cannot_be_moved_are_closed);

  return g_test_run ();
}
