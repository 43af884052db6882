/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Finds the service on a message bus, and explains D-Bus errors. */

#include "ctl-service.h"

#include <glib/gi18n.h>

#include "rd-message-bus.h"
#include "rd-names.h"

#define TIMEOUT_MS (CTL_SERVICE_TIMEOUT_S * 1000)

struct _CtlService
{
  GDBusConnection *connection; /* owned */
  RdDBusServer1 *proxy;        /* owned */
  char *name;                  /* owned: bus name of the service */
  const char *instance;        /* unowned, nullable: outlives us */
  const char *address;         /* unowned, nullable: outlives us */
  gboolean is_system;
};

static gboolean
read_arguments (CtlService *self, const CtlArguments *arguments, GError **error)
{
  self->is_system = arguments->system;
  self->address = arguments->address;
  self->instance = arguments->instance;
  self->name = rd_names_dup_bus_name (self->instance);

  if (self->is_system && self->address != NULL)
    return ctl_fail (error, _ ("--system and --address exclude each other; give one of them"));
  if (self->instance != NULL && (*self->instance == '\0' || !g_dbus_is_name (self->name)))
    return ctl_fail (error, _ ("--instance=%s is empty or too long; give the name of an instance"),
                     self->instance);
  return TRUE;
}

static gboolean
reach_bus (CtlService *self, GError **error)
{
  const GBusType type = self->is_system ? G_BUS_TYPE_SYSTEM : G_BUS_TYPE_SESSION;
  g_auto (GStrv) environment = g_get_environ ();
  g_autoptr (GError) cause = NULL;
  g_autofree char *address = self->address != NULL
                               ? g_strdup (self->address)
                               : rd_message_bus_dup_address (type, environment, &cause);

  if (address != NULL)
    self->connection = rd_message_bus_connect (address, TIMEOUT_MS, &cause);
  if (self->connection != NULL)
    return TRUE;

  if (self->address != NULL)
    /* Translators: an address, and an error message */
    return ctl_fail (error, _ ("cannot reach the message bus at %s: %s"), self->address,
                     cause->message);
  if (self->is_system)
    return ctl_fail (error, _ ("cannot reach the system bus: %s"), cause->message);
  return ctl_fail (error, _ ("cannot reach the session bus: %s"), cause->message);
}

static gboolean
fail_not_running (const CtlService *self, GError **error)
{
  g_autofree char *unit = self->instance != NULL ? g_strconcat ("ringdown@", self->instance, NULL)
                                                 : g_strdup ("ringdown");

  if (self->address != NULL)
    return ctl_fail (error,
                     _ ("no service %s on the message bus at %s; is it running, and on this bus?"),
                     self->name, self->address);
  if (self->is_system)
    return ctl_fail (error,
                     _ ("no service %s on the system bus; start it with “systemctl start %s”"),
                     self->name, unit);
  return ctl_fail (
    error, _ ("no service %s on the session bus; start it with “systemctl --user start %s”"),
    self->name, unit);
}

/* Loads the properties once, to report errors within the time limit: GDBusProxy waits for up to
 * 25 s, and hides errors such as denied access. */
static gboolean
probe (const CtlService *self, GError **error)
{
  g_autoptr (GError) cause = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_sync (
    self->connection, self->name, RD_OBJECT_PATH, "org.freedesktop.DBus.Properties", "GetAll",
    g_variant_new ("(s)", RD_INTERFACE), G_VARIANT_TYPE ("(a{sv})"),
    G_DBUS_CALL_FLAGS_NO_AUTO_START, TIMEOUT_MS, NULL, &cause);

  if (reply != NULL)
    return TRUE;
  if (g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN)
      || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER))
    return fail_not_running (self, error);
  g_propagate_error (error, g_steal_pointer (&cause));
  return ctl_service_explain (self, error);
}

CtlService *
ctl_service_new (const CtlArguments *arguments, GError **error)
{
  g_autoptr (CtlService) self = g_new0 (CtlService, 1);

  if (!read_arguments (self, arguments, error) || !reach_bus (self, error) || !probe (self, error))
    return NULL;

  self->proxy = rd_dbus_server1_proxy_new_sync (self->connection,
                                                G_DBUS_PROXY_FLAGS_DO_NOT_AUTO_START, self->name,
                                                RD_OBJECT_PATH, NULL, error);
  if (self->proxy == NULL)
    {
      ctl_service_explain (self, error);
      return NULL;
    }
  g_dbus_proxy_set_default_timeout (G_DBUS_PROXY (self->proxy), TIMEOUT_MS);
  return g_steal_pointer (&self);
}

void
ctl_service_free (CtlService *self)
{
  g_clear_object (&self->proxy);
  g_clear_object (&self->connection);
  g_free (self->name);
  g_free (self);
}

const char *
ctl_service_get_name (const CtlService *self)
{
  return self->name;
}

GDBusConnection *
ctl_service_get_connection (const CtlService *self)
{
  return self->connection;
}

RdDBusServer1 *
ctl_service_get_proxy (const CtlService *self)
{
  return self->proxy;
}

gboolean
ctl_service_check (const CtlService *self, GError **error)
{
  GDBusProxy *proxy = G_DBUS_PROXY (self->proxy); /* which ignores values of a wrong type */
  const GDBusInterfaceInfo *info = g_dbus_proxy_get_interface_info (proxy);

  for (gsize i = 0; info->properties[i] != NULL; i++)
    {
      const char *name = info->properties[i]->name;
      g_autoptr (GVariant) value = g_dbus_proxy_get_cached_property (proxy, name);

      if (value == NULL)
        return ctl_fail (error,
                         _ ("%s lacks the property %s; is it another program, or another version?"),
                         self->name, name);
    }
  return TRUE;
}

gboolean
ctl_service_explain (const CtlService *self, GError **error)
{
  g_autoptr (GError) cause = g_steal_pointer (error);

  if (g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED))
    return ctl_fail (error,
                     _ ("access to %s is denied by the message bus; try as another user, such as "
                        "root"),
                     self->name);
  if (g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_TIMED_OUT)
      || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_TIMEOUT))
    return ctl_fail (error, _ ("no answer from %s within %d s; is it suspended, or overloaded?"),
                     self->name, CTL_SERVICE_TIMEOUT_S);
  if (g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY)
      || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN)
      || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER))
    return ctl_fail (error, _ ("%s ended before it answered; see its log"), self->name);
  if (g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD)
      || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT)
      || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_INTERFACE))
    return ctl_fail (
      error, _ ("%s does not know this command; is it another program, or another version?"),
      self->name);
  if (g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_CLOSED))
    return ctl_fail (error, _ ("the message bus has closed the connection"));

  g_dbus_error_strip_remote_error (cause);
  return ctl_fail (error, "%s", cause->message);
}
