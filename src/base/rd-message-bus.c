/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Connects to a message bus within a time limit. */

#include "rd-message-bus.h"

typedef struct
{
  char *address; /* owned; nullable: the shared connection to the bus of @type */
  GBusType type;
  GCancellable *cancellable; /* owned */
  GAsyncQueue *results;      /* Result, owned */
} Request;

typedef struct
{
  GDBusConnection *bus; /* owned, nullable */
  GError *error;        /* owned, nullable */
} Result;

static void
result_free (gpointer data)
{
  Result *result = data;

  g_clear_object (&result->bus);
  g_clear_error (&result->error);
  g_free (result);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Result, result_free)

static void
request_free (Request *request)
{
  g_async_queue_unref (request->results);
  g_object_unref (request->cancellable);
  g_free (request->address);
  g_free (request);
}

static gpointer
connect_in_thread (gpointer user_data)
{
  const GDBusConnectionFlags flags = G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
                                     | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION;
  Request *request = user_data;
  Result *result = g_new0 (Result, 1);

  if (request->address != NULL)
    result->bus = g_dbus_connection_new_for_address_sync (request->address, flags, NULL,
                                                          request->cancellable, &result->error);
  else
    result->bus = g_bus_get_sync (request->type, request->cancellable, &result->error);
  g_async_queue_push (request->results, result);
  request_free (request);
  return NULL;
}

/* Waits for a thread that connects: GLib waits up to 25 s for the reply to Hello, and cannot be
 * cancelled meanwhile. After a timeout the thread goes on until GLib returns. */
static GDBusConnection *
connect_within (const char *address, GBusType type, guint timeout_ms, GError **error)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncQueue) results = g_async_queue_new_full (result_free);
  g_autoptr (Result) result = NULL;
  Request *request = g_new (Request, 1);
  GThread *thread;

  *request = (Request){ g_strdup (address), type, g_object_ref (cancellable),
                        g_async_queue_ref (results) };
  thread = g_thread_try_new ("message-bus", connect_in_thread, request, error);
  if (thread == NULL)
    {
      request_free (request);
      return NULL;
    }
  g_thread_unref (thread);

  result = g_async_queue_timeout_pop (results, timeout_ms * (guint64) G_TIME_SPAN_MILLISECOND);
  if (result == NULL)
    {
      g_cancellable_cancel (cancellable);
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "no answer within %g s",
                   timeout_ms / 1000.0);
      return NULL;
    }
  if (result->error != NULL)
    g_propagate_error (error, g_steal_pointer (&result->error));
  return g_steal_pointer (&result->bus);
}

GDBusConnection *
rd_message_bus_connect (const char *address, guint timeout_ms, GError **error)
{
  return connect_within (address, G_BUS_TYPE_NONE, timeout_ms, error);
}

GDBusConnection *
rd_message_bus_get (GBusType type, guint timeout_ms, GError **error)
{
  return connect_within (NULL, type, timeout_ms, error);
}

static char *
dup_session_address (char **environment, GError **error)
{
  const char *address = g_environ_getenv (environment, "DBUS_SESSION_BUS_ADDRESS");
  const char *runtime_dir = g_environ_getenv (environment, "XDG_RUNTIME_DIR");
  g_autofree char *path = NULL;
  g_autofree char *escaped = NULL;

  if (address != NULL && g_str_has_prefix (address, "autolaunch:"))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                           "DBUS_SESSION_BUS_ADDRESS would launch a new bus");
      return NULL;
    }
  if (address != NULL && *address != '\0')
    return g_strdup (address);

  if (runtime_dir != NULL && *runtime_dir != '\0')
    path = g_build_filename (runtime_dir, "bus", NULL);
  if (path == NULL || !g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                           "DBUS_SESSION_BUS_ADDRESS is not set, and there is no socket "
                           "$XDG_RUNTIME_DIR/bus");
      return NULL;
    }
  escaped = g_dbus_address_escape_value (path);
  return g_strconcat ("unix:path=", escaped, NULL);
}

char *
rd_message_bus_dup_address (GBusType type, char **environment, GError **error)
{
  const char *address = g_environ_getenv (environment, "DBUS_SYSTEM_BUS_ADDRESS");

  if (type == G_BUS_TYPE_SESSION)
    return dup_session_address (environment, error);
  if (address != NULL && *address != '\0')
    return g_strdup (address);
  return g_dbus_address_get_for_bus_sync (type, NULL, error);
}
