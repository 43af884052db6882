/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Calls methods on a message bus, each within a time limit. */

#include "rd-check-bus.h"

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
                                      RD_CHECK_BUS_TIMEOUT_MS, NULL, error);
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
