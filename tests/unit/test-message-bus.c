/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The address of a message bus, and the time limit for connecting. */

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>

#include "rd-address.h"
#include "rd-message-bus.h"

#define STRV(...)    ((const char *const[]){ __VA_ARGS__, NULL })
#define TIMEOUT_MS   500
#define TOLERANCE_US (8 * G_TIME_SPAN_SECOND) /* GLib's own time limit is 25 s */

typedef struct
{
  char *dir;
  char *path;    /* socket in dir */
  char *address; /* D-Bus address of path */
  GSocket *socket;
} Fixture;

/* Listens on a socket, but never accepts a connection. */
static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GSocketAddress) address = NULL;
  g_autoptr (GError) error = NULL;

  fixture->dir = g_dir_make_tmp ("test-bus-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->path = g_build_filename (fixture->dir, "bus", NULL);
  fixture->address = g_strconcat ("unix:path=", fixture->path, NULL);
  fixture->socket = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, 0, &error);
  g_assert_no_error (error);
  address = g_unix_socket_address_new (fixture->path);
  g_assert_true (g_socket_bind (fixture->socket, address, TRUE, &error));
  g_assert_true (g_socket_listen (fixture->socket, &error));
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_object_unref (fixture->socket);
  g_remove (fixture->path);
  g_assert_cmpint (g_rmdir (fixture->dir), ==, 0);
  g_free (fixture->address);
  g_free (fixture->path);
  g_free (fixture->dir);
}

static void
assert_address (GBusType type, const char *const *environment, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *address = rd_message_bus_dup_address (type, (char **) environment, &error);

  g_assert_cmpstr (address, ==, expected);
  if (expected == NULL)
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  else
    g_assert_no_error (error);
}

static void
session_bus_address_comes_from_the_environment (Fixture *fixture, gconstpointer data)
{
  g_autofree char *dir = g_strconcat ("XDG_RUNTIME_DIR=", fixture->dir, NULL);

  assert_address (G_BUS_TYPE_SESSION, STRV ("DBUS_SESSION_BUS_ADDRESS=unix:path=/x", dir),
                  "unix:path=/x");
  assert_address (G_BUS_TYPE_SESSION, STRV (dir), fixture->address);
  assert_address (G_BUS_TYPE_SESSION, STRV ("DBUS_SESSION_BUS_ADDRESS=", dir), fixture->address);
  assert_address (G_BUS_TYPE_SESSION, STRV ("XDG_RUNTIME_DIR=/nonexistent"), NULL);
  assert_address (G_BUS_TYPE_SESSION, STRV ("XDG_RUNTIME_DIR="), NULL);
  assert_address (G_BUS_TYPE_SESSION, STRV ("PATH=/bin"), NULL);
}

/* "autolaunch:" would launch a bus. */
static void
no_bus_is_launched (Fixture *fixture, gconstpointer data)
{
  g_autofree char *dir = g_strconcat ("XDG_RUNTIME_DIR=", fixture->dir, NULL);

  assert_address (G_BUS_TYPE_SESSION, STRV ("DBUS_SESSION_BUS_ADDRESS=autolaunch:", dir), NULL);
  assert_address (G_BUS_TYPE_SESSION,
                  STRV ("DBUS_SESSION_BUS_ADDRESS=unix:path=/x;autolaunch:", dir), NULL);
}

static void
system_bus_address_comes_from_the_environment (void)
{
  g_autofree char *standard = NULL;
  const char *const no_variables[] = { NULL };

  assert_address (G_BUS_TYPE_SYSTEM, STRV ("DBUS_SYSTEM_BUS_ADDRESS=unix:path=/y"), "unix:path=/y");

  g_unsetenv ("DBUS_SYSTEM_BUS_ADDRESS");
  standard = rd_message_bus_dup_address (G_BUS_TYPE_SYSTEM, (char **) no_variables, NULL);
  g_assert_nonnull (strstr (standard, "system_bus_socket"));
}

/* Asserts that connecting fails, not before @at_least_us. Returns: (transfer full): the error. */
static GError *
assert_no_connection (const char *address, gint64 at_least_us)
{
  const gint64 begin_us = g_get_monotonic_time ();
  GError *error = NULL;

  g_assert_null (rd_message_bus_connect (address, TIMEOUT_MS, &error));
  g_assert_nonnull (error);
  g_assert_cmpint (g_get_monotonic_time () - begin_us, >=, at_least_us);
  g_assert_cmpint (g_get_monotonic_time () - begin_us, <, TOLERANCE_US);
  return error;
}

static void
assert_times_out (const char *address)
{
  g_autoptr (GError) error = assert_no_connection (address, TIMEOUT_MS * G_TIME_SPAN_MILLISECOND);

  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpstr (error->message, ==, "no answer within 0.5 s");
}

static void
a_silent_bus_times_out (Fixture *fixture, gconstpointer data)
{
  assert_times_out (fixture->address);
}

static void
a_silent_shared_bus_times_out (Fixture *fixture, gconstpointer data)
{
  g_auto (GStrv) environment = g_environ_setenv (NULL, "DBUS_SESSION_BUS_ADDRESS", fixture->address,
                                                 TRUE);
  g_autofree char *address = rd_message_bus_dup_address (G_BUS_TYPE_SESSION, environment, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (rd_message_bus_connect (address, TIMEOUT_MS, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
}

static void
a_missing_bus_is_an_error (Fixture *fixture, gconstpointer data)
{
  const char *const addresses[] = { "unix:path=/nonexistent", "nonsense", "",
                                    "unix:path=/dev/null" };

  for (gsize i = 0; i < G_N_ELEMENTS (addresses); i++)
    {
      g_autoptr (GError) error = assert_no_connection (addresses[i], 0);

      g_assert_false (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT));
    }
}

static gboolean
on_authorize (GDBusAuthObserver *observer, GIOStream *stream, GCredentials *credentials)
{
  return TRUE;
}

typedef struct
{
  GDBusServer *server;     /* owned */
  GDBusConnection *client; /* owned, nullable */
  GDBusMessageFilterFunction filter;
  GMainLoop *loop; /* owned */
  GThread *thread; /* owned */
} Server;

static gboolean
on_new_connection (GDBusServer *server, GDBusConnection *connection, gpointer user_data)
{
  Server *self = user_data;

  if (self->filter == NULL)
    return FALSE;
  g_dbus_connection_add_filter (connection, self->filter, NULL, NULL);
  g_set_object (&self->client, connection);
  return TRUE;
}

static gpointer
run_server (gpointer user_data)
{
  GMainLoop *loop = user_data;

  g_main_context_push_thread_default (g_main_loop_get_context (loop));
  g_main_loop_run (loop);
  g_main_context_pop_thread_default (g_main_loop_get_context (loop));
  return NULL;
}

/* Runs a D-Bus server in a thread. @filter: handles messages; NULL: close all connections. */
static void
server_start (Server *self, const Fixture *fixture, GDBusMessageFilterFunction filter)
{
  g_autofree char *address = g_strconcat ("unix:dir=", fixture->dir, NULL);
  g_autofree char *guid = g_dbus_generate_guid ();
  g_autoptr (GDBusAuthObserver) observer = g_dbus_auth_observer_new ();
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GError) error = NULL;

  *self = (Server){ .filter = filter, .loop = g_main_loop_new (context, FALSE) };
  g_main_context_push_thread_default (context);
  g_signal_connect (observer, "authorize-authenticated-peer", G_CALLBACK (on_authorize), NULL);
  self->server = g_dbus_server_new_sync (address, G_DBUS_SERVER_FLAGS_NONE, guid, observer, NULL,
                                         &error);
  g_assert_no_error (error);
  g_signal_connect (self->server, "new-connection", G_CALLBACK (on_new_connection), self);
  g_dbus_server_start (self->server);
  g_main_context_pop_thread_default (context);
  self->thread = g_thread_new ("server", run_server, self->loop);
}

static void
server_stop (Server *self)
{
  g_main_loop_quit (self->loop);
  g_thread_join (self->thread);
  g_dbus_server_stop (self->server);
  g_clear_object (&self->client);
  g_clear_object (&self->server);
  g_main_loop_unref (self->loop);
}

static GDBusMessage *
reply_to_hello (GDBusConnection *connection,
                GDBusMessage *message,
                gboolean is_incoming,
                gpointer user_data)
{
  g_autoptr (GDBusMessage) reply = NULL;

  if (!is_incoming)
    return message;

  reply = g_dbus_message_new_method_reply (message);
  g_dbus_message_set_body (reply, g_variant_new ("(s)", ":1.1"));
  g_dbus_connection_send_message (connection, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
  g_object_unref (message);
  return NULL;
}

static GDBusMessage *
ignore_message (GDBusConnection *connection,
                GDBusMessage *message,
                gboolean is_incoming,
                gpointer user_data)
{
  if (!is_incoming)
    return message;
  g_object_unref (message);
  return NULL;
}

static void
a_server_that_closes_connections_is_an_error (Fixture *fixture, gconstpointer data)
{
  Server server;
  g_autoptr (GError) error = NULL;

  server_start (&server, fixture, NULL);
  error = assert_no_connection (g_dbus_server_get_client_address (server.server), 0);
  g_assert_false (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT));
  server_stop (&server);
}

static void
a_bus_without_reply_to_hello_times_out (Fixture *fixture, gconstpointer data)
{
  Server server;

  server_start (&server, fixture, ignore_message);
  assert_times_out (g_dbus_server_get_client_address (server.server));
  server_stop (&server);
}

static void
on_closed (GDBusConnection *bus, gboolean is_remote, GError *error, gpointer user_data)
{
  g_main_loop_quit (user_data);
}

/* The connection emits its signals in the default main context. */
static void
connecting_to_a_responding_bus_succeeds (Fixture *fixture, gconstpointer data)
{
  Server server;
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GDBusConnection) bus = NULL;
  g_autoptr (GError) error = NULL;

  server_start (&server, fixture, reply_to_hello);
  bus = rd_message_bus_connect (g_dbus_server_get_client_address (server.server), 10 * 1000,
                                &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_dbus_connection_get_unique_name (bus), ==, ":1.1");
  g_assert_false (g_dbus_connection_get_exit_on_close (bus));

  g_signal_connect (bus, "closed", G_CALLBACK (on_closed), loop);
  g_dbus_connection_close_sync (server.client, NULL, NULL);
  g_main_loop_run (loop);
  server_stop (&server);
}

static void
on_result (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static void
connecting_without_blocking_has_the_same_time_limit (Fixture *fixture, gconstpointer data)
{
  const gint64 begin_us = g_get_monotonic_time ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  rd_message_bus_connect_async (fixture->address, TIMEOUT_MS, on_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_null (rd_message_bus_connect_finish (result, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpint (g_get_monotonic_time () - begin_us, <, TOLERANCE_US);
}

/* The real deadline is tested with the program. */
static void
names_are_looked_up_until_a_deadline (void)
{
  const gint64 now_us = g_get_monotonic_time ();
  g_autoptr (GError) error = NULL;
  GList *inets = rd_address_look_up ("127.0.0.1", now_us + 10 * G_TIME_SPAN_SECOND, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (g_list_length (inets), ==, 1);
  g_resolver_free_addresses (inets);

  g_assert_null (rd_address_look_up ("nowhere.invalid", now_us + 60 * G_TIME_SPAN_SECOND, &error));
  g_assert_nonnull (error);
}

#define ADD(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("/message-bus/session", session_bus_address_comes_from_the_environment);
  ADD ("/message-bus/session/autolaunch", no_bus_is_launched);
  g_test_add_func ("/message-bus/system", system_bus_address_comes_from_the_environment);
  ADD ("/message-bus/silent", a_silent_bus_times_out);
  ADD ("/message-bus/silent/shared", a_silent_shared_bus_times_out);
  ADD ("/message-bus/silent/hello", a_bus_without_reply_to_hello_times_out);
  ADD ("/message-bus/absent", a_missing_bus_is_an_error);
  ADD ("/message-bus/no-hello", a_server_that_closes_connections_is_an_error);
  ADD ("/message-bus/connected", connecting_to_a_responding_bus_succeeds);
  ADD ("/message-bus/silent/async", connecting_without_blocking_has_the_same_time_limit);
  g_test_add_func ("/address/look-up", names_are_looked_up_until_a_deadline);

  return g_test_run ();
}
