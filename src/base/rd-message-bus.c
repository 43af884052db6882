/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Connects to a D-Bus message bus with a time limit, and forms the bus name of the service. */

#include "rd-message-bus.h"

#define BUS_NAME "org.ringdown.Ringdown"

/* An attempt to connect; the caller and the connecting thread each hold a reference. */
typedef struct
{
  char *address; /* owned; if NULL, the thread gets the shared connection to a bus of @type */
  GBusType type;
  GCancellable *cancellable; /* owned */
  GAsyncQueue *done;         /* owned; receives the Attempt when the thread has finished */
  GDBusConnection *bus;      /* owned, nullable */
  GError *error;             /* owned, nullable */
} Attempt;

static void
attempt_clear (gpointer data)
{
  Attempt *self = data;

  g_clear_error (&self->error);
  g_clear_object (&self->bus);
  g_async_queue_unref (self->done);
  g_object_unref (self->cancellable);
  g_free (self->address);
}

static void
attempt_unref (Attempt *self)
{
  g_atomic_rc_box_release_full (self, attempt_clear);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Attempt, attempt_unref)

static gpointer
connect_in_thread (gpointer user_data)
{
  const GDBusConnectionFlags flags = G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT
                                     | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION;
  g_autoptr (Attempt) self = user_data;

  if (self->address != NULL)
    self->bus = g_dbus_connection_new_for_address_sync (self->address, flags, NULL,
                                                        self->cancellable, &self->error);
  else
    self->bus = g_bus_get_sync (self->type, self->cancellable, &self->error);
  g_async_queue_push (self->done, self);
  return NULL;
}

/* Connects in a thread, because GLib waits up to 25 s for the reply to the D-Bus call Hello, and
 * that wait cannot be cancelled. After a timeout, the thread keeps running until GLib returns. */
static GDBusConnection *
connect_within (const char *address, GBusType type, guint timeout_ms, GError **error)
{
  g_autoptr (Attempt) self = g_atomic_rc_box_new0 (Attempt);
  GThread *thread;

  self->address = g_strdup (address);
  self->type = type;
  self->cancellable = g_cancellable_new ();
  self->done = g_async_queue_new ();
  thread = g_thread_try_new ("message-bus", connect_in_thread, g_atomic_rc_box_acquire (self),
                             error);
  if (thread == NULL)
    {
      attempt_unref (self); /* the reference that the thread would have released */
      return NULL;
    }
  g_thread_unref (thread);

  if (g_async_queue_timeout_pop (self->done, timeout_ms * (guint64) G_TIME_SPAN_MILLISECOND)
      == NULL)
    {
      g_cancellable_cancel (self->cancellable);
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "no answer within %g s",
                   timeout_ms / 1000.0);
      return NULL;
    }
  if (self->error != NULL)
    g_propagate_error (error, g_steal_pointer (&self->error));
  return g_steal_pointer (&self->bus);
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
                           "DBUS_SESSION_BUS_ADDRESS must be the address of a running bus");
      return NULL;
    }
  if (address != NULL && *address != '\0')
    return g_strdup (address);

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
rd_message_bus_dup_address (GBusType type, char **environment, GError **error)
{
  const char *address = g_environ_getenv (environment, "DBUS_SYSTEM_BUS_ADDRESS");

  if (type == G_BUS_TYPE_SESSION)
    return dup_session_address (environment, error);
  if (address != NULL && *address != '\0')
    return g_strdup (address);
  return g_dbus_address_get_for_bus_sync (type, NULL, error);
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
