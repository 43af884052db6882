/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Connects to the service on a message bus, and explains D-Bus errors to the user. */

#include "ctl-service.h"

#include <glib/gi18n.h>

#include "rd-message-bus.h"

#define TIMEOUT_MS (CTL_SERVICE_TIMEOUT_S * 1000)

/* Returns: (transfer full) (nullable): the bus name, or NULL with an error for a bad option. */
static char *
read_name (const CtlArguments *arguments, GError **error)
{
  g_autofree char *name = rd_message_bus_dup_name (arguments->instance);

  if (arguments->system && arguments->address != NULL)
    ctl_fail (error, _ ("--system and --address cannot be combined; give only one of them"));
  else if (arguments->instance != NULL && (*arguments->instance == '\0' || !g_dbus_is_name (name)))
    ctl_fail (error, _ ("--instance=%s is empty or too long; give the name of an instance"),
              arguments->instance);
  else
    return g_steal_pointer (&name);
  return NULL;
}

static GDBusConnection *
reach_bus (const CtlArguments *arguments, GError **error)
{
  const GBusType type = arguments->system ? G_BUS_TYPE_SYSTEM : G_BUS_TYPE_SESSION;
  g_auto (GStrv) environment = g_get_environ ();
  g_autoptr (GError) cause = NULL;
  g_autofree char *address = arguments->address != NULL
                               ? g_strdup (arguments->address)
                               : rd_message_bus_dup_address (type, environment, &cause);
  GDBusConnection *connection = address != NULL
                                  ? rd_message_bus_connect (address, TIMEOUT_MS, &cause)
                                  : NULL;

  if (connection != NULL)
    return connection;

  if (arguments->address != NULL)
    /* Translators: a D-Bus address, and an error message */
    ctl_fail (error, _ ("cannot reach the message bus at %s: %s"), address, cause->message);
  else if (arguments->system)
    ctl_fail (error, _ ("cannot reach the system bus: %s"), cause->message);
  else
    ctl_fail (error, _ ("cannot reach the session bus: %s"), cause->message);
  return NULL;
}

static gboolean
fail_not_running (const CtlArguments *arguments, const char *name, GError **error)
{
  g_autofree char *unit = arguments->instance != NULL
                            ? g_strconcat ("ringdown@", arguments->instance, NULL)
                            : g_strdup ("ringdown");

  if (arguments->address != NULL)
    return ctl_fail (error,
                     _ ("no service %s on the message bus at %s; is it running, and on this bus?"),
                     name, arguments->address);
  if (arguments->system)
    return ctl_fail (
      error, _ ("no service %s on the system bus; start it with “systemctl start %s”"), name, unit);
  return ctl_fail (
    error, _ ("no service %s on the session bus; start it with “systemctl --user start %s”"), name,
    unit);
}

/* Requests the properties before GDBusProxy does, to report errors within the time limit.
 * GDBusProxy would wait up to 25 s for the reply, and would hide errors such as denied access. */
static gboolean
probe (GDBusConnection *connection, const CtlArguments *arguments, const char *name, GError **error)
{
  g_autoptr (GError) cause = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
    connection, name, RD_OBJECT_PATH, "org.freedesktop.DBus.Properties", "GetAll",
    g_variant_new ("(s)", RD_INTERFACE), G_VARIANT_TYPE ("(a{sv})"),
    G_DBUS_CALL_FLAGS_NO_AUTO_START, TIMEOUT_MS, NULL, &cause);

  if (reply != NULL)
    return TRUE;
  if (g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN)
      || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER))
    return fail_not_running (arguments, name, error);
  g_propagate_error (error, g_steal_pointer (&cause));
  return FALSE;
}

RdDBusServer1 *
ctl_service_new (const CtlArguments *arguments, gboolean needs_properties, GError **error)
{
  g_autofree char *name = read_name (arguments, error);
  g_autoptr (GDBusConnection) connection = name != NULL ? reach_bus (arguments, error) : NULL;
  g_autoptr (RdDBusServer1) service = NULL;

  if (connection == NULL || !probe (connection, arguments, name, error))
    return NULL;

  service = rd_dbus_server1_proxy_new_sync (connection, G_DBUS_PROXY_FLAGS_DO_NOT_AUTO_START, name,
                                            RD_OBJECT_PATH, NULL, error);
  if (service == NULL || (needs_properties && !ctl_service_check (service, error)))
    return NULL;

  g_dbus_proxy_set_default_timeout (G_DBUS_PROXY (service), TIMEOUT_MS);
  return g_steal_pointer (&service);
}

gboolean
ctl_service_check (RdDBusServer1 *service, GError **error)
{
  GDBusProxy *proxy = G_DBUS_PROXY (service); /* GDBusProxy discards values of the wrong type */
  const GDBusInterfaceInfo *info = g_dbus_proxy_get_interface_info (proxy);

  for (gsize i = 0; info->properties[i] != NULL; i++)
    {
      const char *name = info->properties[i]->name;
      g_autoptr (GVariant) value = g_dbus_proxy_get_cached_property (proxy, name);

      if (value == NULL)
        return ctl_fail (error,
                         _ ("%s lacks the property %s; is it another program, or another version?"),
                         g_dbus_proxy_get_name (proxy), name);
    }
  return TRUE;
}

gboolean
ctl_service_explain (const CtlArguments *arguments, GError **error)
{
  g_autofree char *name = rd_message_bus_dup_name (arguments->instance);
  g_autoptr (GError) cause = g_steal_pointer (error);

  if (g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED))
    return ctl_fail (error,
                     _ ("access to %s is denied by the message bus; try as another user, such as "
                        "root"),
                     name);
  if (g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_TIMED_OUT)
      || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_TIMEOUT))
    return ctl_fail (error, _ ("no answer from %s within %d s; is it suspended, or overloaded?"),
                     name, CTL_SERVICE_TIMEOUT_S);
  if (g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY)
      || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN)
      || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER))
    return ctl_fail (error, _ ("%s ended before it answered; see its log"), name);
  if (g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD)
      || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT)
      || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_INTERFACE))
    return ctl_fail (
      error, _ ("%s does not know this command; is it another program, or another version?"), name);
  if (g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_CLOSED))
    return ctl_fail (error, _ ("the message bus has closed the connection"));

  g_dbus_error_strip_remote_error (cause);
  return ctl_fail (error, "%s", cause->message);
}
