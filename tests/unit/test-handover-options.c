/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The engine that goes on has options of its own, and not always all sockets: who does not fit is
 * told so and counted, nobody else notices. */

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handover-fixture.h"

#define LOG_SIZE    (1 << 16)
#define INTERVAL_US (150 * 1000)
#define TIMEOUT_US  (100 * 1000)

static const WsEngineOptions small_log
  = { .log_size = LOG_SIZE, .max_message = LOG_SIZE / 8, .max_clients = 100 };

static const WsEngineOptions with_pings = { .log_size = LOG_SIZE,
                                            .max_message = LOG_SIZE / 8,
                                            .max_clients = 10,
                                            .ping_interval_us = INTERVAL_US,
                                            .ping_timeout_us = TIMEOUT_US };

static WsEngineOptions
options_of (EngineFixture *fixture)
{
  return *ws_engine_get_options (fixture->engine);
}

static void
clients_beyond_the_most_there_may_be_are_closed (EngineFixture *fixture, gconstpointer data)
{
  WsEngineOptions fewer = options_of (fixture);
  g_autoptr (GError) error = NULL;
  Peer *peers[5];
  int fd;

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peers[i] = engine_fixture_join (fixture, NULL);
  engine_fixture_publish (fixture, 0, 100);
  fewer.max_clients = 3;
  handover_carry_out (fixture, &fewer);
  g_assert_true (ws_engine_is_full (fixture->engine));
  crowd_settle (fixture->crowd);

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peer_expect_message (peers[i], 0, 100);
  for (guint i = 0; i < 3; i++)
    peer_expect_silence (peers[i]);
  for (guint i = 3; i < G_N_ELEMENTS (peers); i++)
    {
      peer_expect_close (peers[i], WS_CLOSE_SERVICE_RESTART, "service restart");
      peer_send_close (peers[i], WS_CLOSE_SERVICE_RESTART);
    }
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (engine_fixture_stats (fixture).clients, ==, 3);
  g_assert_cmpuint (engine_fixture_count_closed (fixture, WS_CLOSE_SERVICE_RESTART), ==, 2);
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->peak, ==, 5);

  crowd_add (fixture->crowd, &fd);
  g_assert_null (ws_engine_adopt (fixture->engine, fd, NULL, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
  peer_hang_up (peers[0]);
  crowd_settle (fixture->crowd);
  g_assert_false (ws_engine_is_full (fixture->engine));
}

static void
surplus_clients_that_do_not_answer_are_cut_off (EngineFixture *fixture, gconstpointer data)
{
  WsEngineOptions fewer = options_of (fixture);
  Peer *stalled = engine_fixture_join_stalled (fixture, NULL);

  for (guint i = 0; i < 4; i++)
    engine_fixture_publish (fixture, i, 8000);
  crowd_settle (fixture->crowd); /* it is blocked: nothing will ever wake it up */
  fewer.max_clients = 0;
  handover_carry_out (fixture, &fewer);
  CROWD_WAIT_FOR (fixture->crowd, engine_fixture_stats (fixture).clients == 0);
  g_assert_cmpstr (fixture->closed->str, ==, "1:1012;");
  peer_read (stalled, G_MAXSIZE);
  g_assert_true (stalled->has_ended);
}

static void
clients_without_a_socket_are_counted (EngineFixture *fixture, gconstpointer data)
{
  const guint missing[] = { 1, 3, 4 }; /* one does not come, two are left behind */
  Peer *peers[5];
  WsHandover *handover;
  WsEngine *engine;

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peers[i] = engine_fixture_join (fixture, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (missing); i++)
    peer_send_bytes (peers[missing[i]], "\x81", 1); /* which has a state */
  peer_send_bytes (peers[2], "\x81", 1);
  crowd_settle (fixture->crowd);

  ws_engine_pause (fixture->engine);
  handover = handover_receive (fixture);
  close (g_array_index (handover->sockets, int, 1));
  g_array_index (handover->sockets, int, 1) = -1;
  close (g_array_index (handover->sockets, int, 3));
  close (g_array_index (handover->sockets, int, 4));
  g_array_set_size (handover->sockets, 3);
  engine = engine_fixture_new_from (fixture, handover, ws_engine_get_options (fixture->engine),
                                    NULL);
  g_assert_cmpuint (handover->moved, ==, 2);
  g_assert_cmpuint (handover->closed, ==, 3);
  handover_discard (handover);
  ws_engine_free (fixture->engine);
  fixture->engine = engine;
  ws_engine_attach (engine, fixture->crowd->context);
  ws_engine_resume (engine);

  g_assert_cmpuint (engine_fixture_stats (fixture).clients, ==, 2);
  g_assert_cmpuint (engine_fixture_count_closed (fixture, WS_CLOSE_SERVICE_RESTART), ==, 3);
  peer_send_bytes (peers[2], "\x81\0\0\0\0x", 6);
  crowd_settle (fixture->crowd);
  g_assert_cmpstr (fixture->messages->str, ==, "x;"); /* nobody has another one's state */
}

/* Has epoll_ctl(2) say EEXIST when the engine comes to @client. */
static void
watch_already (WsClient *client)
{
  struct epoll_event event = { .data.ptr = client };
  guint sets = 0;

  for (int fd = 0; fd < 1000; fd++)
    sets += epoll_ctl (fd, EPOLL_CTL_ADD, client->record->fd, &event) == 0;
  g_assert_cmpuint (sets, ==, 1);
}

/* As where there are more watches than the system lets a user have. */
static void
client_that_cannot_be_watched_is_told (EngineFixture *fixture, gconstpointer data)
{
  const guint16 restart = WS_CLOSE_SERVICE_RESTART;
  Peer *peers[3];

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peers[i] = engine_fixture_join (fixture, NULL);
  handover_carry_out (fixture, NULL);
  watch_already (handover_find_client (fixture, 2));
  engine_fixture_publish (fixture, 0, 100);
  crowd_settle (fixture->crowd);

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peer_expect_message (peers[i], 0, 100);
  peer_expect_close (peers[1], restart, "service restart");
  peer_expect_end (peers[1]);
  peer_expect_silence (peers[0]);
  peer_expect_silence (peers[2]);
  g_assert_cmpstr (fixture->closed->str, ==, "2:1012;");
}

static void
clients_left_behind_are_told (EngineFixture *fixture, gconstpointer data)
{
  g_autoptr (WsHandover) handover = NULL;
  Peer *peers[4];

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peers[i] = engine_fixture_join (fixture, NULL);
  engine_fixture_publish (fixture, 0, 100);
  ws_engine_pause (fixture->engine);
  handover = ws_engine_pack (fixture->engine);
  ws_engine_close_from (fixture->engine, 2);
  g_clear_pointer (&fixture->engine, ws_engine_free);
  crowd_settle (fixture->crowd);

  for (guint i = 0; i < 2; i++)
    peer_expect_end (peers[i]); /* nobody goes on with them here */
  for (guint i = 2; i < G_N_ELEMENTS (peers); i++)
    {
      peer_expect_message (peers[i], 0, 100);
      peer_expect_close (peers[i], WS_CLOSE_SERVICE_RESTART, "service restart");
      peer_expect_end (peers[i]);
    }
}

static void
larger_log_holds_all_there_was (EngineFixture *fixture, gconstpointer data)
{
  WsEngineOptions larger = options_of (fixture);
  WsClient *client;
  Peer *stalled = engine_fixture_join_stalled (fixture, &client);
  guint64 number = 0;

  for (; number < 7; number++)
    engine_fixture_publish (fixture, number, 8000);
  crowd_settle (fixture->crowd);
  larger.log_size = 4 * LOG_SIZE;
  handover_carry_out (fixture, &larger);
  g_assert_cmpuint (engine_fixture_stats (fixture).log_size, ==, 4 * LOG_SIZE);
  g_assert_cmpuint (engine_fixture_stats (fixture).log_used, ==, 7 * 8004);

  for (; number < 20; number++)
    {
      engine_fixture_publish (fixture, number, 8000);
      crowd_settle (fixture->crowd);
    }
  stalled->is_stalled = FALSE;
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (engine_fixture_take (stalled, 0, 8000), ==, number);
}

static void
smaller_log_holds_the_newest (EngineFixture *fixture, gconstpointer data)
{
  const WsEngineOptions smaller = { .log_size = LOG_SIZE, .max_message = 8000, .max_clients = 100 };
  Peer *stalled = engine_fixture_join_stalled (fixture, NULL);
  Peer *less = engine_fixture_join_stalled (fixture, NULL);
  Peer *awake = engine_fixture_join (fixture, NULL);
  guint64 number = 0;
  guint64 seen = 0;
  Frame frame;

  for (; number < 12; number++)
    engine_fixture_publish (fixture, number, 8000);
  peer_read (less, G_MAXSIZE);
  crowd_settle (fixture->crowd);
  while (less->in->len < 6 * 8004)
    {
      peer_read (less, G_MAXSIZE);
      crowd_settle (fixture->crowd);
    }
  ws_engine_close (fixture->engine, handover_find_client (fixture, 1), WS_CLOSE_NORMAL, "bye");
  engine_fixture_join_stalled (fixture, NULL);
  handover_carry_out (fixture, &smaller);
  g_assert_cmpuint (engine_fixture_stats (fixture).log_size, ==, LOG_SIZE);
  g_assert_cmpuint (engine_fixture_stats (fixture).log_used, ==, LOG_SIZE / 8004 * 8004);
  g_assert_cmpuint (engine_fixture_stats (fixture).published, ==, number);

  engine_fixture_publish (fixture, number++, 8000);
  stalled->is_stalled = FALSE;
  less->is_stalled = FALSE;
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (engine_fixture_take (awake, 0, 8000), ==, number);
  g_assert_cmpuint (engine_fixture_take (less, 0, 8000), ==, number);
  while (frame_read (stalled->in, &frame) && frame.opcode == FRAME_BINARY)
    peer_expect_message (stalled, seen++, 8000);
  g_assert_cmpuint (seen, >, 0);
  g_assert_cmpuint (seen, <, number);
  peer_expect_close (stalled, WS_CLOSE_NORMAL, "bye"); /* it was closing already */
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->slow_closed, ==, 0);
}

static void
client_that_the_smaller_log_has_lost_is_told (EngineFixture *fixture, gconstpointer data)
{
  const WsEngineOptions smaller = { .log_size = 4096, .max_message = 100, .max_clients = 100 };
  Peer *stalled = engine_fixture_join_stalled (fixture, NULL);
  WsHandover *handover;

  for (guint i = 0; i < 4; i++)
    engine_fixture_publish (fixture, i, 8000);
  crowd_settle (fixture->crowd);
  ws_engine_pause (fixture->engine);
  handover = handover_receive (fixture);
  ws_engine_free (engine_fixture_new_from (fixture, handover, &smaller, NULL));
  g_assert_cmpuint (handover->closed, ==, 1);
  g_assert_cmpuint (handover->moved, ==, 0);
  handover_discard (handover);
  ws_engine_resume (fixture->engine);

  handover_carry_out (fixture, &smaller);
  g_assert_cmpuint (engine_fixture_stats (fixture).log_used, ==, 0); /* one is too long for it */
  g_assert_cmpuint (engine_fixture_stats (fixture).counters->slow_closed, ==, 1);
  stalled->is_stalled = FALSE;
  crowd_settle (fixture->crowd);
  peer_expect_message (stalled, 0, 8000);
  peer_expect_close (stalled, WS_CLOSE_TRY_AGAIN_LATER, "too slow");
}

static void
message_that_is_too_big_now_is_refused (EngineFixture *fixture, gconstpointer data)
{
  WsEngineOptions shorter = options_of (fixture);
  g_autofree char *text = g_strnfill (200, 'x');
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  Peer *in_frame = engine_fixture_join (fixture, NULL);
  Peer *between = engine_fixture_join (fixture, NULL);
  Peer *fits = engine_fixture_join (fixture, NULL);

  frame_append (bytes, FRAME_TEXT, text, 200);
  peer_send_bytes (in_frame, bytes->data, 50);
  peer_send_bytes (between, bytes->data, bytes->len);
  g_byte_array_set_size (bytes, 0);
  frame_append (bytes, FRAME_FIN | FRAME_TEXT, text, 100);
  peer_send_bytes (fits, bytes->data, 50);
  crowd_settle (fixture->crowd);

  shorter.max_message = 100;
  handover_carry_out (fixture, &shorter);
  peer_send_bytes (in_frame, "x", 1);
  peer_send_bytes (between, "\x80\x80\0\0\0\0", 6);
  peer_send_bytes (fits, bytes->data + 50, bytes->len - 50);
  crowd_settle (fixture->crowd);
  peer_expect_close (in_frame, WS_CLOSE_TOO_BIG, "message too big");
  peer_expect_close (between, WS_CLOSE_TOO_BIG, "message too big");
  peer_expect_silence (fits);
  g_assert_cmpuint (fixture->messages->len, ==, 101);
}

/* Neither pinged twice nor given longer for its answer. */
static void
ping_that_is_not_answered_keeps_its_deadline (EngineFixture *fixture, gconstpointer data)
{
  const gint64 begin_us = g_get_monotonic_time ();
  Peer *silent = engine_fixture_join (fixture, NULL);
  Peer *answers = engine_fixture_join (fixture, NULL);

  CROWD_WAIT_FOR (fixture->crowd, silent->in->len > 0 && answers->in->len > 0);
  while (!silent->has_ended)
    {
      handover_carry_out (fixture, NULL);
      crowd_wait (fixture->crowd);
      if (answers->in->len > 0)
        {
          peer_expect (answers, FRAME_PING, NULL, 0);
          peer_send (answers, FRAME_PONG, NULL, 0);
        }
    }
  g_assert_cmpint (g_get_monotonic_time () - begin_us, >=, INTERVAL_US + TIMEOUT_US);
  peer_expect (silent, FRAME_PING, NULL, 0);
  peer_expect_close (silent, WS_CLOSE_INTERNAL_ERROR, "ping timeout");
  g_assert_cmpstr (fixture->closed->str, ==, "1:1011;");
}

static void
silence_counts_from_when_the_client_was_heard (EngineFixture *fixture, gconstpointer data)
{
  const gint64 begin_us = g_get_monotonic_time ();
  Peer *peer = engine_fixture_join (fixture, NULL);

  while (peer->in->len == 0) /* of new timers none would ever fire */
    {
      handover_carry_out (fixture, NULL);
      crowd_wait (fixture->crowd);
    }
  g_assert_cmpint (g_get_monotonic_time () - begin_us, >=, INTERVAL_US);
  peer_expect (peer, FRAME_PING, NULL, 0);
}

static void
pings_begin_with_who_wants_them (EngineFixture *fixture, gconstpointer data)
{
  Peer *peer = engine_fixture_join (fixture, NULL);

  handover_carry_out (fixture, &with_pings);
  CROWD_WAIT_FOR (fixture->crowd, peer->in->len > 0);
  peer_expect (peer, FRAME_PING, NULL, 0);
}

static void
pings_end_with_who_does_not (EngineFixture *fixture, gconstpointer data)
{
  Peer *peer = engine_fixture_join (fixture, NULL);
  gint64 moved_us;

  CROWD_WAIT_FOR (fixture->crowd, peer->in->len > 0);
  peer_expect (peer, FRAME_PING, NULL, 0);
  handover_carry_out (fixture, &small_log);
  moved_us = g_get_monotonic_time ();
  CROWD_WAIT_FOR (fixture->crowd,
                  g_get_monotonic_time () - moved_us > 2 * (INTERVAL_US + TIMEOUT_US));
  peer_expect_silence (peer);
}

/* Returns: a connected socket over TCP. @peer_fd: (out) (transfer full): its other end. */
static int
connect_to_self (int *peer_fd)
{
  struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  const int listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  socklen_t size = sizeof name;
  int fd;

  g_assert_no_errno (bind (listener, (struct sockaddr *) &name, size));
  g_assert_no_errno (listen (listener, 1));
  g_assert_no_errno (getsockname (listener, (struct sockaddr *) &name, &size));
  *peer_fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_no_errno (connect (*peer_fd, (struct sockaddr *) &name, size));
  fd = accept4 (listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  close (listener);
  return fd;
}

static guint
get_patience_ms (int fd)
{
  guint patience_ms = 0;
  socklen_t size = sizeof patience_ms;

  g_assert_no_errno (getsockopt (fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, &size));
  return patience_ms;
}

/* And not before the other engine is out of it. */
static void
patience_of_sockets_follows_the_pings (EngineFixture *fixture, gconstpointer data)
{
  int peer_fd;
  WsClient *client = ws_engine_adopt (fixture->engine, connect_to_self (&peer_fd), NULL, NULL);

  g_assert_cmpuint (get_patience_ms (client->record->fd), ==, (INTERVAL_US + TIMEOUT_US) / 1000);
  handover_turn_back (fixture, &small_log);
  g_assert_cmpuint (get_patience_ms (client->record->fd), ==, (INTERVAL_US + TIMEOUT_US) / 1000);
  handover_carry_out (fixture, &small_log);
  crowd_settle (fixture->crowd);
  client = handover_find_client (fixture, 1);
  g_assert_cmpuint (get_patience_ms (client->record->fd), ==, 0);
  handover_carry_out (fixture, &with_pings);
  crowd_settle (fixture->crowd);
  client = handover_find_client (fixture, 1);
  g_assert_cmpuint (get_patience_ms (client->record->fd), ==, (INTERVAL_US + TIMEOUT_US) / 1000);

  handover_carry_out (fixture, &small_log); /* each sooner than it can tune them */
  handover_carry_out (fixture, &small_log);
  crowd_settle (fixture->crowd);
  client = handover_find_client (fixture, 1);
  g_assert_cmpuint (get_patience_ms (client->record->fd), ==, 0);
  close (peer_fd);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ENGINE_TEST ("/handover/max-clients", &small_log,
               clients_beyond_the_most_there_may_be_are_closed);
  ENGINE_TEST ("/handover/max-clients/silent", &small_log,
               surplus_clients_that_do_not_answer_are_cut_off);
  ENGINE_TEST ("/handover/missing", &small_log, clients_without_a_socket_are_counted);
  ENGINE_TEST ("/handover/unwatched", &small_log, client_that_cannot_be_watched_is_told);
  ENGINE_TEST ("/handover/left-behind", &small_log, clients_left_behind_are_told);
  ENGINE_TEST ("/handover/log/larger", &small_log, larger_log_holds_all_there_was);
  ENGINE_TEST ("/handover/log/smaller", NULL, smaller_log_holds_the_newest);
  ENGINE_TEST ("/handover/log/lost", &small_log, client_that_the_smaller_log_has_lost_is_told);
  ENGINE_TEST ("/handover/max-message", &small_log, message_that_is_too_big_now_is_refused);
  ENGINE_TEST ("/handover/ping", &with_pings, ping_that_is_not_answered_keeps_its_deadline);
  ENGINE_TEST ("/handover/ping/heard", &with_pings, silence_counts_from_when_the_client_was_heard);
  ENGINE_TEST ("/handover/ping/begin", &small_log, pings_begin_with_who_wants_them);
  ENGINE_TEST ("/handover/ping/end", &with_pings, pings_end_with_who_does_not);
  ENGINE_TEST ("/handover/patience", &with_pings, patience_of_sockets_follows_the_pings);

  return g_test_run ();
}
