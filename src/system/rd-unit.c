/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Reads systemd units over D-Bus; checks whether clients stay connected when a unit restarts. */

#include "rd-unit.h"

#include <signal.h>

#define SYSTEMD        "org.freedesktop.systemd1"
#define RESTART_SIGNAL SIGUSR1

/* Returns: (transfer full) (nullable): the properties (a{sv}) of the unit at @path in the interface
 * @interface, or NULL with an error. */
static GVariant *
get_properties (GDBusConnection *bus,
                const char *path,
                const char *interface,
                int timeout_ms,
                GCancellable *cancellable,
                GError **error)
{
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
    bus, SYSTEMD, path, "org.freedesktop.DBus.Properties", "GetAll",
    g_variant_new ("(s)", interface), G_VARIANT_TYPE ("(a{sv})"), G_DBUS_CALL_FLAGS_NO_AUTO_START,
    timeout_ms, cancellable, error);

  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

GVariant *
rd_unit_load (GDBusConnection *bus,
              const char *name,
              GVariant **service,
              int timeout_ms,
              GCancellable *cancellable,
              GError **error)
{
  /* GetUnitByPID: process id 0 stands for the caller */
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
    bus, SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager",
    name != NULL ? "LoadUnit" : "GetUnitByPID",
    name != NULL ? g_variant_new ("(s)", name) : g_variant_new ("(u)", 0), G_VARIANT_TYPE ("(o)"),
    G_DBUS_CALL_FLAGS_NO_AUTO_START, timeout_ms, cancellable, error);
  g_autoptr (GVariant) unit = NULL;
  const char *path, *state = "";

  if (reply == NULL)
    return NULL;

  g_variant_get (reply, "(&o)", &path);
  unit = get_properties (bus, path, SYSTEMD ".Unit", timeout_ms, cancellable, error);
  if (unit == NULL)
    return NULL;

  g_variant_lookup (unit, "LoadState", "&s", &state);
  if (!g_str_equal (state, "loaded"))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "not loaded");
      return NULL;
    }

  if (service != NULL)
    *service = get_properties (
      bus, path,
      name != NULL && g_str_has_suffix (name, ".socket") ? SYSTEMD ".Socket" : SYSTEMD ".Service",
      timeout_ms, cancellable, error);
  return service == NULL || *service != NULL ? g_steal_pointer (&unit) : NULL;
}

gboolean
rd_unit_is_stopping (GDBusConnection *bus, GVariant *unit, int timeout_ms)
{
  g_autoptr (GVariant) job = NULL;
  const char *path = "/", *type = "";

  g_variant_lookup (unit, "Job", "(u&o)", NULL, &path);
  if (!g_str_equal (path, "/"))
    job = get_properties (bus, path, SYSTEMD ".Job", timeout_ms, NULL, NULL);
  if (job != NULL)
    g_variant_lookup (job, "JobType", "&s", &type);
  return g_str_equal (type, "stop");
}

/* Returns: whether the unit can store descriptors; TRUE if this is unknown. */
static gboolean
has_store (GVariant *service)
{
  guint32 max = 1;

  g_variant_lookup (service, "FileDescriptorStoreMax", "u", &max);
  return max > 0;
}

GPtrArray *
rd_unit_check_restart (GVariant *service, const char *name, gboolean is_user)
{
  GPtrArray *problems = g_ptr_array_new_with_free_func (g_free);
  const char *systemctl = is_user ? "systemctl --user" : "systemctl";
  gint32 signal_number = RESTART_SIGNAL;

  if (!has_store (service))
    g_ptr_array_add (problems,
                     g_strdup_printf ("%s cannot store clients during “systemctl restart” (no "
                                      "FileDescriptorStoreMax=) and drains instead; set "
                                      "FileDescriptorStoreMax=16 (%s edit %s)",
                                      name, systemctl, name));

  g_variant_lookup (service, "RestartKillSignal", "i", &signal_number);
  if (signal_number != RESTART_SIGNAL)
    g_ptr_array_add (
      problems,
      g_strdup_printf ("%s cannot tell a restart from a stop (RestartKillSignal=) and drains on "
                       "“systemctl restart”; set RestartKillSignal=SIGUSR1 (%s edit %s)",
                       name, systemctl, name));
  return problems;
}
