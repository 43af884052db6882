/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The way to a message bus: where it is looked for, and that nobody there can make the check wait.
 */

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <gio/gunixsocketaddress.h>

#include "rd-check-bus.h"

#define STRV(...)    ((const char *const[]){ __VA_ARGS__, NULL })
#define LIMIT_US     (2 * G_TIME_SPAN_SECOND)
#define TOLERANCE_US (8 * G_TIME_SPAN_SECOND) /* GLib's own limit is 25 s */

typedef struct
{
  char *dir;
  char *path;    /* of the socket in it */
  char *address; /* of the bus there */
  GSocket *socket;
} Fixture;

/* Something listens there, but never says a word. */
static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GSocketAddress) address = NULL;
  g_autoptr (GError) error = NULL;

  fixture->dir = g_dir_make_tmp ("test-check-XXXXXX", &error);
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
assert_session (const char *const *environment, const char *expected)
{
  g_autofree char *address = rd_check_bus_dup_session_address ((char **) environment);

  g_assert_cmpstr (address, ==, expected);
}

static void
session_bus_is_where_the_environment_says (Fixture *fixture, gconstpointer data)
{
  g_autofree char *dir = g_strconcat ("XDG_RUNTIME_DIR=", fixture->dir, NULL);

  assert_session (STRV ("DBUS_SESSION_BUS_ADDRESS=unix:path=/x", dir), "unix:path=/x");
  assert_session (STRV (dir), fixture->address);
  assert_session (STRV ("DBUS_SESSION_BUS_ADDRESS=", dir), fixture->address);
  assert_session (STRV ("XDG_RUNTIME_DIR=/nonexistent"), NULL);
  assert_session (STRV ("XDG_RUNTIME_DIR="), NULL);
  assert_session (STRV ("PATH=/bin"), NULL);
}

/* autolaunch: would start a bus. */
static void
no_bus_is_started (Fixture *fixture, gconstpointer data)
{
  g_autofree char *dir = g_strconcat ("XDG_RUNTIME_DIR=", fixture->dir, NULL);

  assert_session (STRV ("DBUS_SESSION_BUS_ADDRESS=autolaunch:", dir), NULL);
}

static void
a_bus_that_is_silent_is_not_waited_for (Fixture *fixture, gconstpointer data)
{
  const gint64 begin_us = g_get_monotonic_time ();
  g_autoptr (GError) error = NULL;

  g_assert_null (rd_check_bus_connect (fixture->address, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (g_get_monotonic_time () - begin_us, >=, LIMIT_US);
  g_assert_cmpint (g_get_monotonic_time () - begin_us, <, TOLERANCE_US);
}

static void
a_bus_that_is_not_there_is_an_error (Fixture *fixture, gconstpointer data)
{
  const char *const addresses[] = { "unix:path=/nonexistent", "nonsense", "",
                                    "unix:path=/dev/null" };

  for (gsize i = 0; i < G_N_ELEMENTS (addresses); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (rd_check_bus_connect (addresses[i], &error));
      g_assert_nonnull (error);
    }
}

static gboolean
on_authorize (GDBusAuthObserver *observer, GIOStream *stream, GCredentials *credentials)
{
  return TRUE;
}

/* @data: how the bus answers: a connection that knows no Hello. */
static void
a_bus_that_knows_no_hello_is_none (Fixture *fixture, gconstpointer data)
{
  g_autofree char *address = g_strconcat ("unix:dir=", fixture->dir, NULL);
  g_autofree char *guid = g_dbus_generate_guid ();
  g_autoptr (GDBusAuthObserver) observer = g_dbus_auth_observer_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusServer) server = NULL;

  g_signal_connect (observer, "authorize-authenticated-peer", G_CALLBACK (on_authorize), NULL);
  server = g_dbus_server_new_sync (address, G_DBUS_SERVER_FLAGS_NONE, guid, observer, NULL, &error);
  g_assert_no_error (error);
  g_dbus_server_start (server);
  g_assert_null (rd_check_bus_connect (g_dbus_server_get_client_address (server), &error));
  g_assert_nonnull (error);
  g_dbus_server_stop (server);
}

#define ADD(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("/check-bus/session", session_bus_is_where_the_environment_says);
  ADD ("/check-bus/session/autolaunch", no_bus_is_started);
  ADD ("/check-bus/silent", a_bus_that_is_silent_is_not_waited_for);
  ADD ("/check-bus/absent", a_bus_that_is_not_there_is_an_error);
  ADD ("/check-bus/no-hello", a_bus_that_knows_no_hello_is_none);

  return g_test_run ();
}
