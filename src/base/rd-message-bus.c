/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Connects to a D-Bus message bus with a time limit, and forms the bus name of the service. */

#include "rd-message-bus.h"

#include <string.h>

#define BUS_NAME "org.ringdown.Ringdown"

/* Implements GTaskThreadFunc. */
static void
connect_in_thread (GTask *task, gpointer source, gpointer address, GCancellable *cancellable)
{
  const GDBusConnectionFlags flags = G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
                                     | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION;
  GError *error = NULL;
  GDBusConnection *bus = g_dbus_connection_new_for_address_sync (address, flags, NULL, cancellable,
                                                                 &error);

  if (bus != NULL)
    g_task_return_pointer (task, bus, g_object_unref);
  else
    g_task_return_error (task, error);
}

static gboolean
on_timeout (gpointer user_data)
{
  g_cancellable_cancel (user_data);
  return G_SOURCE_REMOVE;
}

/* Connects in a thread, because GLib waits up to 25 s for the reply to the D-Bus call Hello, and
 * that wait cannot be cancelled. After a timeout, the thread keeps running until GLib returns. */
void
rd_message_bus_connect_async (const char *address,
                              guint timeout_ms,
                              GAsyncReadyCallback func,
                              gpointer user_data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GSource) timeout = g_timeout_source_new (timeout_ms);
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, func, user_data);

  g_source_set_callback (timeout, on_timeout, g_object_ref (cancellable), g_object_unref);
  g_source_attach (timeout, g_main_context_get_thread_default ());
  g_task_set_task_data (task, g_strdup (address), g_free);
  g_task_set_return_on_cancel (task, TRUE);
  g_task_run_in_thread (task, connect_in_thread);
}

GDBusConnection *
rd_message_bus_connect_finish (GAsyncResult *result, GError **error)
{
  g_autoptr (GError) reason = NULL;
  GDBusConnection *bus = g_task_propagate_pointer (G_TASK (result), &reason);

  if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "no answer in time");
  else if (reason != NULL)
    g_propagate_error (error, g_steal_pointer (&reason));
  return bus;
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_set_object ((GAsyncResult **) user_data, result);
}

GDBusConnection *
rd_message_bus_connect (const char *address, guint timeout_ms, GError **error)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) reason = NULL;
  GDBusConnection *bus;

  g_main_context_push_thread_default (context);
  rd_message_bus_connect_async (address, timeout_ms, on_connected, &result);
  while (result == NULL)
    g_main_context_iteration (context, TRUE);
  g_main_context_pop_thread_default (context);

  bus = rd_message_bus_connect_finish (result, &reason);
  if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "no answer within %g s",
                 timeout_ms / 1000.0);
  else if (reason != NULL)
    g_propagate_error (error, g_steal_pointer (&reason));
  return bus;
}

char *
rd_message_bus_dup_address (GBusType type, char **environment, GError **error)
{
  const gboolean is_session = type == G_BUS_TYPE_SESSION;
  const char *variable = is_session ? "DBUS_SESSION_BUS_ADDRESS" : "DBUS_SYSTEM_BUS_ADDRESS";
  const char *address = g_environ_getenv (environment, variable);
  const char *runtime_dir = g_environ_getenv (environment, "XDG_RUNTIME_DIR");
  g_autofree char *path = NULL;
  g_autofree char *escaped = NULL;

  if (is_session && address != NULL && strstr (address, "autolaunch:") != NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                           "DBUS_SESSION_BUS_ADDRESS must be the address of a running bus");
      return NULL;
    }
  if (address != NULL && *address != '\0')
    return g_strdup (address);
  if (!is_session)
    return g_dbus_address_get_for_bus_sync (type, NULL, error);

  if (runtime_dir != NULL && *runtime_dir != '\0')
    path = g_build_filename (runtime_dir, "bus", NULL);
  if (path == NULL || !g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                           "DBUS_SESSION_BUS_ADDRESS is not set, and the socket "
                           "$XDG_RUNTIME_DIR/bus does not exist");
      return NULL;
    }
  escaped = g_dbus_address_escape_value (path);
  return g_strconcat ("unix:path=", escaped, NULL);
}

char *
rd_message_bus_dup_name (const char *instance)
{
  GString *name = g_string_new (BUS_NAME);

  if (instance != NULL)
    g_string_append (name, ".i");
  for (const char *p = instance; p != NULL && *p != '\0'; p = g_utf8_next_char (p))
    g_string_append_c (name, g_ascii_isalnum (*p) ? *p : '_');
  return g_string_free (name, FALSE);
}
