/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Asks others on a message bus, and never waits for them longer than 2 s: who is checked may be
 * stopped, broken or hostile. Starts neither a bus nor a service. What the answers mean, this file
 * does not know. */

#include "rd-check-bus.h"

#define LIMIT_MS 2000

char *
rd_check_bus_dup_session_address (char **environment)
{
  const char *address = g_environ_getenv (environment, "DBUS_SESSION_BUS_ADDRESS");
  const char *runtime_dir = g_environ_getenv (environment, "XDG_RUNTIME_DIR");
  g_autofree char *path = NULL;
  g_autofree char *escaped = NULL;

  if (address != NULL && *address != '\0')
    return g_str_has_prefix (address, "autolaunch:") ? NULL : g_strdup (address);
  if (runtime_dir == NULL || *runtime_dir == '\0')
    return NULL;

  path = g_build_filename (runtime_dir, "bus", NULL);
  escaped = g_dbus_address_escape_value (path);
  return g_file_test (path, G_FILE_TEST_EXISTS) ? g_strconcat ("unix:path=", escaped, NULL) : NULL;
}

typedef struct
{
  GDBusConnection *bus; /* owned */
  GError *error;        /* owned */
} Connecting;

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Connecting *connecting = user_data;

  connecting->bus = g_dbus_connection_new_for_address_finish (result, &connecting->error);
}

static gboolean
on_limit (gpointer user_data)
{
  g_cancellable_cancel (user_data);
  return G_SOURCE_CONTINUE;
}

GDBusConnection *
rd_check_bus_connect (const char *address, GError **error)
{
  g_autoptr (GCancellable) limit = g_cancellable_new ();
  g_autoptr (GDBusConnection) bus = NULL;
  g_autoptr (GVariant) name = NULL;
  guint limit_id = g_timeout_add (LIMIT_MS, on_limit, limit);
  Connecting connecting = { NULL, NULL };

  /* not MESSAGE_BUS_CONNECTION: GLib would say Hello by itself, and wait 25 s for the answer */
  g_dbus_connection_new_for_address (address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL,
                                     limit, on_connected, &connecting);
  while (connecting.bus == NULL && connecting.error == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (limit_id);

  if (connecting.bus == NULL)
    {
      g_propagate_error (error, connecting.error);
      return NULL;
    }
  bus = connecting.bus;
  name = rd_check_bus_call (bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                            "org.freedesktop.DBus", "Hello", NULL, "(s)", error);
  return name != NULL ? g_steal_pointer (&bus) : NULL;
}

GVariant *
rd_check_bus_call (GDBusConnection *bus,
                   const char *name,
                   const char *path,
                   const char *interface,
                   const char *method,
                   GVariant *arguments,
                   const char *reply,
                   GError **error)
{
  return g_dbus_connection_call_sync (bus, name, path, interface, method, arguments,
                                      G_VARIANT_TYPE (reply), G_DBUS_CALL_FLAGS_NO_AUTO_START,
                                      LIMIT_MS, NULL, error);
}

GVariant *
rd_check_bus_get_properties (GDBusConnection *bus,
                             const char *name,
                             const char *path,
                             const char *interface,
                             GError **error)
{
  g_autoptr (GVariant) answer = rd_check_bus_call (
    bus, name, path, "org.freedesktop.DBus.Properties", "GetAll", g_variant_new ("(s)", interface),
    "(a{sv})", error);

  return answer != NULL ? g_variant_get_child_value (answer, 0) : NULL;
}

int
rd_check_bus_get_owner_pid (GDBusConnection *bus, const char *name)
{
  g_autoptr (GVariant) answer = rd_check_bus_call (
    bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
    "GetConnectionUnixProcessID", g_variant_new ("(s)", name), "(u)", NULL);
  guint32 pid = 0;

  if (answer != NULL)
    g_variant_get (answer, "(u)", &pid);
  return (int) pid;
}
