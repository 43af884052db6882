/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The manager: signals, client information, closing, and refused arguments. */

#include <fcntl.h>
#include <gio/gio.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core-fixture.h"
#include "descriptors.h"
#include "rd-error.h"

static void
connects_and_disconnects_are_signalled (CoreFixture *fixture, gconstpointer data)
{
  Peer *first = core_fixture_join (fixture);
  Peer *second = core_fixture_join (fixture);

  core_fixture_expect (fixture, "+1;=1;+2;=2;");
  g_assert_cmpuint (rd_manager_get_connections (fixture->manager), ==, 2);

  peer_send_close (first, WS_CLOSE_NORMAL);
  crowd_settle (fixture->crowd);
  core_fixture_expect (fixture, "-1:1000 left;=1;");

  peer_hang_up (second);
  crowd_settle (fixture->crowd);
  core_fixture_expect (fixture, "-2:1006 left;=0;");
  g_assert_cmpuint (rd_manager_get_connections (fixture->manager), ==, 0);
}

static void
connections_are_counted (CoreFixture *fixture, gconstpointer data)
{
  g_assert_cmpuint (rd_manager_get_connections (fixture->manager), ==, 0);
  core_fixture_join (fixture);
  g_assert_cmpuint (rd_manager_get_connections (fixture->manager), ==, 1);
}

static void
message_limit_is_available (CoreFixture *fixture, gconstpointer data)
{
  g_assert_cmpuint (ws_engine_get_options (rd_manager_get_engine (fixture->manager))->max_message,
                    ==, 4096);
}

static void
client_messages_are_signalled (CoreFixture *fixture, gconstpointer data)
{
  Peer *peer = core_fixture_join (fixture);

  peer_send_text (peer, "hello");
  peer_send (peer, FRAME_BINARY, "raw", 3);
  peer_send_text (peer, "");
  crowd_settle (fixture->crowd);
  core_fixture_expect (fixture, "+1;=1;hello;raw (binary);;");
  peer_expect_silence (peer); /* the bus decides whether to send them */
}

static void
bytes_after_the_handshake_are_handled_after_client_connected (CoreFixture *fixture,
                                                              gconstpointer data)
{
  g_autoptr (GByteArray) early = g_byte_array_new ();
  int server_fd;
  Peer *peer = crowd_add (fixture->crowd, &server_fd);

  frame_append (early, FRAME_FIN | FRAME_TEXT, "early", 5);
  frame_append_close (early, WS_CLOSE_NORMAL, NULL);
  peer_send_bytes (peer, early->data, early->len);
  g_assert_true (rd_manager_admit (fixture->manager, server_fd, NULL, NULL));
  core_fixture_expect (fixture, "+1;=1;");
  crowd_settle (fixture->crowd);
  core_fixture_expect (fixture, "early;-1:1000 left;=0;");
  peer_expect_close (peer, WS_CLOSE_NORMAL, "");
  peer_expect_end (peer);
}

static void
broadcast_reaches_all_and_has_an_id (CoreFixture *fixture, gconstpointer data)
{
  Peer *peers[3];
  RdMessage message = { .topic = RD_TOPIC_BROADCAST,
                        .opcode = WS_OPCODE_TEXT,
                        .data = (const guint8 *) "hello",
                        .size = 5 };
  WsId first;

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peers[i] = core_fixture_join (fixture);
  rd_manager_broadcast (fixture->manager, &message);
  first = message.id;
  rd_manager_broadcast (fixture->manager, &message);
  crowd_settle (fixture->crowd);

  g_assert_cmpuint (first.ms, >, 0);
  g_assert_true (message.id.ms > first.ms
                 || (message.id.ms == first.ms && message.id.seq == first.seq + 1));
  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    {
      peer_expect_text (peers[i], "hello");
      peer_expect_text (peers[i], "hello");
    }
}

static void
one_client_is_closed_by_its_id (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  Peer *first = core_fixture_join (fixture);
  Peer *second = core_fixture_join (fixture);

  g_assert_true (rd_manager_close (fixture->manager, 2, 4321, "so asked", &error));
  g_assert_no_error (error);
  crowd_settle (fixture->crowd);
  peer_expect_silence (first);
  peer_expect_close (second, 4321, "so asked");
  core_fixture_expect (fixture, "+1;=1;+2;=2;");

  peer_send_close (second, 4321);
  crowd_settle (fixture->crowd);
  core_fixture_expect (fixture, "-2:4321 closed;=1;");
}

static void
departure_depends_on_who_closed_and_on_the_answer (CoreFixture *fixture, gconstpointer data)
{
  Peer *peers[4];

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peers[i] = core_fixture_join (fixture);
  g_string_truncate (fixture->diary, 0);
  peer_send_close (peers[0], WS_CLOSE_GOING_AWAY);
  peer_hang_up (peers[1]);
  crowd_settle (fixture->crowd);
  core_fixture_expect (fixture, "-1:1001 left;=3;-2:1006 left;=2;");

  ws_engine_close_all (rd_manager_get_engine (fixture->manager), WS_CLOSE_SERVICE_RESTART,
                       "service restart");
  crowd_settle (fixture->crowd);
  peer_expect_close (peers[2], WS_CLOSE_SERVICE_RESTART, "service restart");
  peer_expect_close (peers[3], WS_CLOSE_SERVICE_RESTART, "service restart");
  core_fixture_expect (fixture, "");

  peer_send_close (peers[2], WS_CLOSE_SERVICE_RESTART);
  crowd_settle (fixture->crowd);
  peer_hang_up (peers[3]);
  crowd_settle (fixture->crowd);
  core_fixture_expect (fixture, "-3:1012 closed;=1;-4:1012 forced;=0;");
}

/* The client closed first, so the departure is its own. */
static void
client_that_closed_first_left_by_itself (CoreFixture *fixture, gconstpointer data)
{
  Peer *stalled = core_fixture_join_stalled (fixture);
  g_autofree char *text = g_strnfill (4096, 'x');

  for (guint i = 0; i < 5; i++)
    rd_manager_broadcast (
      fixture->manager,
      &(RdMessage){ .opcode = WS_OPCODE_TEXT, .data = (const guint8 *) text, .size = 4096 });
  crowd_settle (fixture->crowd); /* the client is blocked, and so is our answer */
  peer_send_close (stalled, WS_CLOSE_GOING_AWAY);
  crowd_settle (fixture->crowd);
  ws_engine_close_all (rd_manager_get_engine (fixture->manager), WS_CLOSE_SERVICE_RESTART, "");
  core_fixture_expect (fixture, "+1;=1;");

  peer_hang_up (stalled);
  crowd_settle (fixture->crowd);
  core_fixture_expect (fixture, "-1:1001 left;=0;");
}

static void
close_refuses_codes_invalid_for_servers (CoreFixture *fixture, gconstpointer data)
{
  const guint16 bad[] = { 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535 };
  g_autofree char *fitting = g_strnfill (WS_CLOSE_REASON_MAX, 'r');
  g_autofree char *long_reason = g_strnfill (WS_CLOSE_REASON_MAX + 1, 'r');
  g_autoptr (GError) too_long = NULL;
  g_autoptr (GError) not_found = NULL;
  Peer *peer = core_fixture_join (fixture);

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *code = g_strdup_printf ("%u ", bad[i]);

      g_assert_false (rd_manager_close (fixture->manager, 1, bad[i], "", &error));
      g_assert_error (error, RD_ERROR, RD_ERROR_INVALID_ARGUMENT);
      g_assert_true (g_str_has_prefix (error->message, code));
    }
  g_assert_false (rd_manager_close (fixture->manager, 1, 1000, long_reason, &too_long));
  g_assert_error (too_long, RD_ERROR, RD_ERROR_INVALID_ARGUMENT);
  g_assert_nonnull (strstr (too_long->message, "123 bytes"));
  g_assert_false (rd_manager_close (fixture->manager, 77, 1000, "", &not_found));
  g_assert_error (not_found, RD_ERROR, RD_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (not_found->message, "client 77"));

  crowd_settle (fixture->crowd);
  peer_expect_silence (peer);
  g_assert_true (rd_manager_close (fixture->manager, 1, 1000, fitting, NULL));
  crowd_settle (fixture->crowd);
  peer_expect_close (peer, 1000, fitting);
}

/* RFC 6455 §7.4.1: "this status code is not used by the server". */
static void
close_refuses_the_code_for_clients (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  core_fixture_join (fixture);
  g_assert_false (rd_manager_close (fixture->manager, 1, 1010, "", &error));
  g_assert_error (error, RD_ERROR, RD_ERROR_INVALID_ARGUMENT);
}

static void
client_that_left_is_not_found (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  peer_hang_up (core_fixture_join (fixture));
  crowd_settle (fixture->crowd);
  g_assert_false (rd_manager_close (fixture->manager, 1, 1000, "", &error));
  g_assert_error (error, RD_ERROR, RD_ERROR_NOT_FOUND);
  g_assert_null (ws_engine_find_client (rd_manager_get_engine (fixture->manager), 1));
}

static void
clients_are_listed_oldest_first (CoreFixture *fixture, gconstpointer data)
{
  const gint64 begin_us = g_get_real_time ();
  const WsEngine *engine = rd_manager_get_engine (fixture->manager);
  g_autoptr (GPtrArray) list = NULL;
  Peer *peers[5];

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peers[i] = core_fixture_join (fixture);
  peer_hang_up (peers[1]);
  peers[3]->is_stalled = TRUE;
  peer_send_text (peers[2], "12345");
  crowd_settle (fixture->crowd);
  for (guint i = 0; i < 8; i++)
    rd_manager_broadcast (
      fixture->manager,
      &(RdMessage){ .opcode = WS_OPCODE_TEXT, .data = (const guint8 *) "12345", .size = 5 });

  list = rd_manager_list (fixture->manager);
  g_assert_cmpuint (list->len, ==, 4);
  for (guint i = 0; i < list->len; i++)
    {
      const WsClient *client = list->pdata[i];
      g_autofree char *remote = rd_client_dup_remote (client);

      g_assert_cmpuint (client->id, ==, i == 0 ? 1 : i + 2);
      g_assert_cmpstr (remote, ==, "unknown"); /* socket pairs have no address */
      g_assert_cmpint (client->record->connected_us, >=, begin_us);
      g_assert_cmpint (client->record->connected_us, <=, g_get_real_time ());
      g_assert_cmpuint (client->record->received, ==, client->id == 3 ? 11 : 0);
      g_assert_cmpuint (ws_engine_get_behind (engine, client), ==, 8 * 7); /* not sent yet */
      g_assert_cmpuint (client->record->sent, ==, 0);
    }

  g_clear_pointer (&list, g_ptr_array_unref);
  crowd_settle (fixture->crowd);
  list = rd_manager_list (fixture->manager);
  g_assert_cmpuint (((const WsClient *) list->pdata[0])->record->sent, ==, 8 * 7);
  g_assert_cmpuint (ws_engine_get_behind (engine, list->pdata[0]), ==, 0);
}

static void
there_is_room_until_a_client_lags_by_half_the_log (CoreFixture *fixture, gconstpointer data)
{
  g_autofree char *text = g_strnfill (4096, 'x');
  RdMessage message = { .topic = RD_TOPIC_BROADCAST,
                        .opcode = WS_OPCODE_TEXT,
                        .data = (const guint8 *) text,
                        .size = 4096 };

  g_assert_true (ws_engine_has_room (rd_manager_get_engine (fixture->manager)));
  core_fixture_join_stalled (fixture);
  for (guint i = 0; i < 8; i++)
    {
      g_assert_true (ws_engine_has_room (rd_manager_get_engine (fixture->manager)));
      rd_manager_broadcast (fixture->manager, &message);
    }

  for (guint i = 8; i < 14; i++) /* its socket holds some bytes */
    rd_manager_broadcast (fixture->manager, &message);
  crowd_settle (fixture->crowd);
  g_assert_false (ws_engine_has_room (rd_manager_get_engine (fixture->manager)));
}

/* With messages under 30 bytes, the index is half full before the ring. */
static void
there_is_no_room_if_a_client_lags_by_half_the_index (CoreFixture *fixture, gconstpointer data)
{
  g_autofree char *text = g_strnfill (4096, 'x');
  RdMessage large = { .topic = RD_TOPIC_BROADCAST,
                      .opcode = WS_OPCODE_TEXT,
                      .data = (const guint8 *) text,
                      .size = 4096 };
  RdMessage tiny = { .topic = RD_TOPIC_BROADCAST,
                     .opcode = WS_OPCODE_TEXT,
                     .data = (const guint8 *) text,
                     .size = 1 };
  const guint half = (1 << 16) / 64 / 2; /* one index entry per 64 bytes */

  core_fixture_join_stalled (fixture);
  for (guint i = 0; i < 3; i++)
    {
      rd_manager_broadcast (fixture->manager, &large);
      crowd_settle (fixture->crowd);
    }
  for (guint i = 0; i < half - 3; i++)
    {
      g_assert_true (ws_engine_has_room (rd_manager_get_engine (fixture->manager)));
      rd_manager_broadcast (fixture->manager, &tiny);
    }
  for (guint i = 0; i < 3; i++)
    rd_manager_broadcast (fixture->manager, &tiny);
  crowd_settle (fixture->crowd);
  g_assert_false (ws_engine_has_room (rd_manager_get_engine (fixture->manager)));
}

/* Connects to @address of this machine over TCP. Returns: the client's socket. */
static int
connect_over_tcp (CoreFixture *fixture, const char *address, char **expected)
{
  g_autoptr (GInetAddress) inet = g_inet_address_new_from_string (address);
  const GSocketFamily family = g_inet_address_get_family (inet);
  struct sockaddr_storage storage = { .ss_family = family };
  struct sockaddr *name = (struct sockaddr *) &storage;
  socklen_t size = family == G_SOCKET_FAMILY_IPV4 ? sizeof (struct sockaddr_in)
                                                  : sizeof (struct sockaddr_in6);
  const int listener = socket (family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int fd = socket (family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new (inet, 0);
  g_autoptr (GSocketAddress) local = NULL;

  g_assert_true (g_socket_address_to_native (any, name, size, NULL));
  g_assert_no_errno (bind (listener, name, size));
  g_assert_no_errno (listen (listener, 1));
  g_assert_no_errno (getsockname (listener, name, &size));
  g_assert_no_errno (connect (fd, name, size));
  g_assert_true (rd_manager_admit (
    fixture->manager, accept4 (listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), NULL, NULL));
  close (listener);
  g_assert_no_errno (getsockname (fd, name, &size));
  local = g_socket_address_new_from_native (name, size);
  *expected = g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (local));
  return fd;
}

static void
remote_is_address_and_port (CoreFixture *fixture, gconstpointer data)
{
  const char *const addresses[] = { "127.0.0.1", "::1" };

  for (guint i = 0; i < G_N_ELEMENTS (addresses); i++)
    {
      g_autofree char *expected = NULL;
      g_autofree char *remote = NULL;
      const int fd = connect_over_tcp (fixture, addresses[i], &expected);

      remote = rd_client_dup_remote (
        ws_engine_find_client (rd_manager_get_engine (fixture->manager), i + 1));
      g_assert_cmpstr (remote, ==, expected);
      g_assert_true (g_str_has_prefix (remote, i == 0 ? "127.0.0.1:" : "[::1]:"));
      close (fd);
    }
}

static void
socket_that_cannot_be_watched_is_refused_and_closed (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  const int fd = open ("/proc/self/exe", O_RDONLY | O_CLOEXEC);

  g_assert_false (rd_manager_admit (fixture->manager, fd, NULL, &error));
  g_assert_true (error != NULL && error->domain == G_FILE_ERROR);
  g_assert_cmpint (fcntl (fd, F_GETFD), ==, -1);
  core_fixture_expect (fixture, "");
}

static void
admit_one_more (CoreFixture *fixture)
{
  g_assert_cmpuint (rd_manager_get_connections (fixture->manager), ==, 9);
  g_assert_false (ws_engine_is_full (rd_manager_get_engine (fixture->manager)));
  core_fixture_join (fixture);
}

static void
place_is_free_when_a_client_is_reported_as_gone (CoreFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  Peer *peers[10];
  Peer *refused;
  int server_fd;

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    {
      g_assert_false (ws_engine_is_full (rd_manager_get_engine (fixture->manager)));
      peers[i] = core_fixture_join (fixture);
    }
  g_assert_true (ws_engine_is_full (rd_manager_get_engine (fixture->manager)));

  refused = crowd_add (fixture->crowd, &server_fd);
  g_assert_false (rd_manager_admit (fixture->manager, server_fd, NULL, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
  crowd_settle (fixture->crowd);
  peer_expect_end (refused);

  g_signal_connect_swapped (fixture->manager, "client-disconnected", G_CALLBACK (admit_one_more),
                            fixture);
  peer_hang_up (peers[3]);
  crowd_settle (fixture->crowd);
  g_assert_cmpuint (rd_manager_get_connections (fixture->manager), ==, 10);
  g_assert_true (ws_engine_is_full (rd_manager_get_engine (fixture->manager)));
}

static void
manager_that_cannot_be_created_is_an_error (void)
{
  const WsEngineOptions options = { .log_size = 4096, .max_message = 512, .max_clients = 1 };
  g_autoptr (GError) error = NULL;
  const guint64 limit = descriptors_restrict (0);
  g_autoptr (RdManager) manager = rd_manager_new (&options, &error);

  descriptors_restore (limit);
  g_assert_null (manager);
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_MFILE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  CORE_TEST ("/manager/signals", NULL, connects_and_disconnects_are_signalled);
  CORE_TEST ("/manager/signals/message", NULL, client_messages_are_signalled);
  CORE_TEST ("/manager/connections", NULL, connections_are_counted);
  CORE_TEST ("/manager/max-message", NULL, message_limit_is_available);
  CORE_TEST ("/manager/admit/early", NULL,
             bytes_after_the_handshake_are_handled_after_client_connected);
  CORE_TEST ("/manager/admit/refused", NULL, socket_that_cannot_be_watched_is_refused_and_closed);
  CORE_TEST ("/manager/admit/full", NULL, place_is_free_when_a_client_is_reported_as_gone);
  CORE_TEST ("/manager/broadcast", NULL, broadcast_reaches_all_and_has_an_id);
  CORE_TEST ("/manager/close", NULL, one_client_is_closed_by_its_id);
  CORE_TEST ("/manager/departure", NULL, departure_depends_on_who_closed_and_on_the_answer);
  CORE_TEST ("/manager/departure/first", NULL, client_that_closed_first_left_by_itself);
  CORE_TEST ("/manager/close/refused", NULL, close_refuses_codes_invalid_for_servers);
  CORE_TEST ("/manager/close/gone", NULL, client_that_left_is_not_found);
  CORE_TEST ("/manager/list", NULL, clients_are_listed_oldest_first);
  CORE_TEST ("/manager/room", NULL, there_is_room_until_a_client_lags_by_half_the_log);
  CORE_TEST ("/manager/room/index", NULL, there_is_no_room_if_a_client_lags_by_half_the_index);
  CORE_TEST ("/manager/remote", NULL, remote_is_address_and_port);
  g_test_add_func ("/manager/new/refused", manager_that_cannot_be_created_is_an_error);
  CORE_TEST ("/manager/close/client-code", NULL, close_refuses_the_code_for_clients);

  return g_test_run ();
}
