/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The way to the service: which bus, which name, a proxy that never starts what does not run, and
 * what its errors mean. Every wait for an answer has an end. Knows no command, and prints
 * nothing. */

#include "ctl-service.h"

#include <glib/gi18n.h>

#include "ctl-error.h"
#include "rd-names.h"

#define PROPERTIES "org.freedesktop.DBus.Properties"

struct _CtlService
{
  GDBusConnection *connection; /* owned */
  RdDBusServer1 *proxy;        /* owned */
  char *name;                  /* owned: of the service on the bus */
  const char *instance;        /* unowned, nullable: outlives us */
  const char *address;         /* unowned, nullable: outlives us */
  gboolean is_system;
  guint subscription; /* to PropertiesChanged; 0: none */
  gboolean is_loaded;
};

static gboolean
read_arguments (CtlService *self, const CtlArguments *arguments, GError **error)
{
  self->is_system = ctl_arguments_has (arguments, "system");
  self->address = ctl_arguments_get (arguments, "address");
  self->instance = ctl_arguments_get (arguments, "instance");
  self->name = rd_names_dup_bus_name (self->instance);

  if (self->is_system && self->address != NULL)
    {
      g_set_error_literal (error, CTL_ERROR, CTL_ERROR_FAILED,
                           _ ("--system and --address exclude each other; give one of them"));
      return FALSE;
    }
  if (self->instance != NULL && (*self->instance == '\0' || !g_dbus_is_name (self->name)))
    {
      g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED,
                   _ ("--instance=%s cannot be: it is empty or too long"), self->instance);
      return FALSE;
    }
  return TRUE;
}

static void
explain_bus (const CtlService *self, GError **error)
{
  g_autoptr (GError) cause = g_steal_pointer (error);

  if (self->address != NULL)
    g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED,
                 /* Translators: an address, and a reason */
                 _ ("cannot reach the message bus at %s: %s"), self->address, cause->message);
  else
    g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED,
                 self->is_system ? _ ("cannot reach the system bus: %s")
                                 : _ ("cannot reach the session bus: %s"),
                 cause->message);
}

static gboolean
on_connect_timeout (gpointer user_data)
{
  g_cancellable_cancel (user_data);
  return G_SOURCE_CONTINUE;
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

/* As g_dbus_connection_new_for_address_sync(), but a bus that is silent is given up. */
static GDBusConnection *
connect_to (const char *address, GError **error)
{
  const GDBusConnectionFlags flags = G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
                                     | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GDBusConnection) connection = NULL;
  guint timeout_id = g_timeout_add_seconds (CTL_SERVICE_TIMEOUT_S, on_connect_timeout, cancellable);

  g_dbus_connection_new_for_address (address, flags, NULL, cancellable, on_connected, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (timeout_id);

  connection = g_dbus_connection_new_for_address_finish (result, error);
  if (connection == NULL && g_cancellable_is_cancelled (cancellable))
    {
      g_clear_error (error);
      g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED, _ ("no answer within %d s"),
                   CTL_SERVICE_TIMEOUT_S);
    }
  return g_steal_pointer (&connection);
}

static gboolean
reach_bus (CtlService *self, GError **error)
{
  const GBusType type = self->is_system ? G_BUS_TYPE_SYSTEM : G_BUS_TYPE_SESSION;
  g_autofree char *address = self->address != NULL
                               ? g_strdup (self->address)
                               : g_dbus_address_get_for_bus_sync (type, NULL, error);

  if (address != NULL)
    self->connection = connect_to (address, error);
  if (self->connection == NULL)
    explain_bus (self, error);
  return self->connection != NULL;
}

static void
set_not_running (const CtlService *self, GError **error)
{
  g_autofree char *unit = self->instance != NULL ? g_strconcat ("ringdown@", self->instance, NULL)
                                                 : g_strdup ("ringdown");

  if (self->address != NULL)
    g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED,
                 _ ("no service %s on the message bus at %s; is it running, and on this bus?"),
                 self->name, self->address);
  else if (self->is_system)
    g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED,
                 _ ("no service %s on the system bus; start it with “systemctl start %s”"),
                 self->name, unit);
  else
    g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED,
                 _ ("no service %s on the session bus; start it with “systemctl --user start %s”"),
                 self->name, unit);
}

static gboolean
find_service (CtlService *self, GError **error)
{
  g_autofree char *owner = NULL;

  /* the properties are for ctl_service_load(): their errors would get lost here */
  self->proxy = rd_dbus_server1_proxy_new_sync (self->connection,
                                                G_DBUS_PROXY_FLAGS_DO_NOT_AUTO_START
                                                  | G_DBUS_PROXY_FLAGS_DO_NOT_LOAD_PROPERTIES,
                                                self->name, RD_OBJECT_PATH, NULL, error);
  if (self->proxy == NULL)
    return ctl_service_explain (self, error);

  g_dbus_proxy_set_default_timeout (G_DBUS_PROXY (self->proxy), CTL_SERVICE_TIMEOUT_S * 1000);
  owner = g_dbus_proxy_get_name_owner (G_DBUS_PROXY (self->proxy));
  if (owner == NULL)
    set_not_running (self, error);
  return owner != NULL;
}

CtlService *
ctl_service_new (const CtlArguments *arguments, GError **error)
{
  g_autoptr (CtlService) self = g_new0 (CtlService, 1);

  if (!read_arguments (self, arguments, error) || !reach_bus (self, error)
      || !find_service (self, error))
    return NULL;

  return g_steal_pointer (&self);
}

static void
unsubscribe (CtlService *self)
{
  if (self->subscription != 0)
    g_dbus_connection_signal_unsubscribe (self->connection, self->subscription);
  self->subscription = 0;
}

void
ctl_service_free (CtlService *self)
{
  unsubscribe (self);
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

/* Takes those of @properties that are what the interface says: a stranger may have got the name. */
static void
take_properties (CtlService *self, GVariant *properties)
{
  GDBusProxy *proxy = G_DBUS_PROXY (self->proxy);
  const GDBusInterfaceInfo *info = g_dbus_proxy_get_interface_info (proxy);

  for (gsize i = 0; info->properties[i] != NULL; i++)
    {
      const GDBusPropertyInfo *property = info->properties[i];
      g_autoptr (GVariant) value = g_variant_lookup_value (properties, property->name,
                                                           G_VARIANT_TYPE (property->signature));

      if (value != NULL)
        g_dbus_proxy_set_cached_property (proxy, property->name, value);
    }
}

static gboolean
has_all_properties (const CtlService *self, GError **error)
{
  GDBusProxy *proxy = G_DBUS_PROXY (self->proxy);
  const GDBusInterfaceInfo *info = g_dbus_proxy_get_interface_info (proxy);

  for (gsize i = 0; info->properties[i] != NULL; i++)
    {
      const char *name = info->properties[i]->name;
      g_autoptr (GVariant) value = g_dbus_proxy_get_cached_property (proxy, name);

      if (value == NULL)
        {
          g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED,
                       _ ("%s lacks the property %s; is it another program, or another version?"),
                       self->name, name);
          return FALSE;
        }
    }
  return TRUE;
}

static void
on_properties_changed (GDBusConnection *connection,
                       const char *sender,
                       const char *path,
                       const char *interface,
                       const char *member,
                       GVariant *arguments,
                       gpointer user_data)
{
  CtlService *self = user_data;
  g_autoptr (GVariant) changed = NULL;
  g_autofree const char **invalidated = NULL;

  /* what changed before the properties came is in them already */
  if (!self->is_loaded || !g_variant_is_of_type (arguments, G_VARIANT_TYPE ("(sa{sv}as)")))
    return;

  g_variant_get (arguments, "(&s@a{sv}^a&s)", NULL, &changed, &invalidated);
  take_properties (self, changed);
  g_signal_emit_by_name (self->proxy, "g-properties-changed", changed, invalidated);
}

/* Returns: (transfer full): the unique name of the process whose properties are wanted. GDBusProxy
 * would fetch them by itself, but wait longer, and keep silent about errors. */
static char *
begin_load (CtlService *self)
{
  char *owner = g_dbus_proxy_get_name_owner (G_DBUS_PROXY (self->proxy));

  self->is_loaded = FALSE;
  unsubscribe (self);
  self->subscription = g_dbus_connection_signal_subscribe (
    self->connection, owner, PROPERTIES, "PropertiesChanged", RD_OBJECT_PATH, RD_INTERFACE,
    G_DBUS_SIGNAL_FLAGS_NONE, on_properties_changed, self, NULL);
  return owner;
}

/* @reply: (transfer full) (nullable): of GetAll; NULL: there is an @error. */
static gboolean
end_load (CtlService *self, GVariant *reply, GError **error)
{
  g_autoptr (GVariant) owned = reply;
  g_autoptr (GVariant) properties = NULL;

  if (reply == NULL)
    return ctl_service_explain (self, error);

  properties = g_variant_get_child_value (reply, 0);
  take_properties (self, properties);
  self->is_loaded = has_all_properties (self, error);
  return self->is_loaded;
}

gboolean
ctl_service_load (CtlService *self, GError **error)
{
  g_autofree char *owner = begin_load (self);

  return end_load (self,
                   g_dbus_connection_call_sync (
                     self->connection, owner, RD_OBJECT_PATH, PROPERTIES, "GetAll",
                     g_variant_new ("(s)", RD_INTERFACE), G_VARIANT_TYPE ("(a{sv})"),
                     G_DBUS_CALL_FLAGS_NO_AUTO_START, CTL_SERVICE_TIMEOUT_S * 1000, NULL, error),
                   error);
}

static void
on_reply (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  g_autoptr (GError) error = NULL;
  GVariant *reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_task_return_error (task, g_steal_pointer (&error)); /* there may be no service any more */
  else if (end_load (g_task_get_task_data (task), reply, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, g_steal_pointer (&error));
}

void
ctl_service_load_async (CtlService *self,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data); /* owned by on_reply() */
  g_autofree char *owner = begin_load (self);

  g_task_set_task_data (task, self, NULL);
  g_dbus_connection_call (self->connection, owner, RD_OBJECT_PATH, PROPERTIES, "GetAll",
                          g_variant_new ("(s)", RD_INTERFACE), G_VARIANT_TYPE ("(a{sv})"),
                          G_DBUS_CALL_FLAGS_NO_AUTO_START, CTL_SERVICE_TIMEOUT_S * 1000,
                          cancellable, on_reply, task);
}

gboolean
ctl_service_load_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

gboolean
ctl_service_explain (const CtlService *self, GError **error)
{
  g_autoptr (GError) cause = g_steal_pointer (error);

  if (g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED))
    g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED,
                 _ ("access to %s is denied by the message bus; another user, such as "
                    "root, may be allowed"),
                 self->name);
  else if (g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_TIMED_OUT)
           || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_TIMEOUT))
    g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED,
                 _ ("no answer from %s within %d s; is it suspended, or overloaded?"), self->name,
                 CTL_SERVICE_TIMEOUT_S);
  else if (g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY)
           || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN)
           || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER))
    g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED, _ ("%s ended before it answered"), self->name);
  else if (g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD)
           || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT)
           || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_INTERFACE))
    g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED,
                 _ ("%s does not understand; is it another program, or another version?"),
                 self->name);
  else if (g_error_matches (cause, G_IO_ERROR, G_IO_ERROR_CLOSED))
    g_set_error_literal (error, CTL_ERROR, CTL_ERROR_FAILED, _ ("the message bus is gone"));
  else
    {
      g_dbus_error_strip_remote_error (cause);
      g_set_error_literal (error, CTL_ERROR, CTL_ERROR_FAILED, cause->message);
    }
  return FALSE;
}
