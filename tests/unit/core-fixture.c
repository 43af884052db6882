/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A manager with real clients over socket pairs. */

#include "core-fixture.h"

#include "descriptors.h"

static void
on_connected (CoreFixture *fixture, const WsClient *client)
{
  g_string_append_printf (fixture->diary, "+%" G_GUINT64_FORMAT ";", client->id);
}

static void
on_disconnected (CoreFixture *fixture, guint64 id, guint code, guint how)
{
  const char *const names[] = { [RD_DEPARTURE_LEFT] = "left",
                                [RD_DEPARTURE_CLOSED] = "closed",
                                [RD_DEPARTURE_FORCED] = "forced" };

  g_assert_cmpuint (how, <, G_N_ELEMENTS (names));
  g_string_append_printf (fixture->diary, "-%" G_GUINT64_FORMAT ":%u %s;", id, code, names[how]);
}

static void
on_connections_changed (CoreFixture *fixture, RdManager *manager)
{
  g_string_append_printf (fixture->diary, "=%u;", rd_manager_get_connections (manager));
}

static void
on_message (CoreFixture *fixture, RdMessage *message)
{
  g_assert_cmpstr (message->topic, ==, RD_TOPIC_BROADCAST);
  g_string_append_len (fixture->diary, (const char *) message->data, message->size);
  g_string_append (fixture->diary, message->opcode == WS_OPCODE_TEXT ? ";" : " (binary);");
}

RdManager *
core_fixture_new_manager (CoreFixture *fixture, const WsEngineOptions *options)
{
  const WsEngineOptions usual = { .log_size = 1 << 16, .max_message = 4096, .max_clients = 10 };
  g_autoptr (GError) error = NULL;
  RdManager *manager = rd_manager_new (options != NULL ? options : &usual, &error);

  g_assert_no_error (error);
  g_signal_connect_swapped (manager, "client-connected", G_CALLBACK (on_connected), fixture);
  g_signal_connect_swapped (manager, "client-disconnected", G_CALLBACK (on_disconnected), fixture);
  g_signal_connect_swapped (manager, "connections-changed", G_CALLBACK (on_connections_changed),
                            fixture);
  g_signal_connect_swapped (manager, "message", G_CALLBACK (on_message), fixture);
  return manager;
}

void
core_fixture_set_up (CoreFixture *fixture, gconstpointer options)
{
  fixture->diary = g_string_new (NULL);
  fixture->crowd = crowd_new (NULL);
  fixture->descriptors
    = descriptors_count (); /* after crowd_new(), which opens a lasting descriptor */
  fixture->manager = core_fixture_new_manager (fixture, options);
}

void
core_fixture_tear_down (CoreFixture *fixture, gconstpointer options)
{
  g_assert_finalize_object (fixture->manager);
  crowd_free (fixture->crowd);
  g_string_free (fixture->diary, TRUE);
  g_assert_cmpuint (descriptors_count (), ==, fixture->descriptors);
}

static Peer *
join (CoreFixture *fixture, gboolean is_stalled)
{
  g_autoptr (GError) error = NULL;
  int server_fd;
  Peer *peer = crowd_add (fixture->crowd, &server_fd);
  gboolean is_in;

  peer->is_stalled = is_stalled;
  if (is_stalled)
    peer_narrow (server_fd);
  is_in = rd_manager_admit (fixture->manager, server_fd, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (is_in);
  return peer;
}

Peer *
core_fixture_join (CoreFixture *fixture)
{
  return join (fixture, FALSE);
}

Peer *
core_fixture_join_stalled (CoreFixture *fixture)
{
  return join (fixture, TRUE);
}

void
core_fixture_expect (CoreFixture *fixture, const char *diary)
{
  g_assert_cmpstr (fixture->diary->str, ==, diary);
  g_string_truncate (fixture->diary, 0);
}
