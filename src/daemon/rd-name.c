/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Connects to the message bus, acquires the D-Bus name of the service, and does both again when the
 * bus comes back. GApplication cannot do this: it has no time limit, and connects once. */

#include "rd-name.h"

#include "rd-message-bus.h"

#define BUS_NAME           "org.freedesktop.DBus"
#define BUS_PATH           "/org/freedesktop/DBus"
#define RELEASE_TIMEOUT_MS 1000

/* Flags and replies of RequestName (D-Bus specification). */
#define ALLOW_REPLACEMENT 1
#define REPLACE_EXISTING  2
#define DO_NOT_QUEUE      4
#define PRIMARY_OWNER     1
#define ALREADY_OWNER     4

struct _RdName
{
  char *address;                  /* owned */
  char *name;                     /* owned */
  GDBusInterfaceSkeleton *object; /* owned */
  gboolean is_takeover;           /* FALSE after the name was owned once */
  void (*lost) (gpointer user_data);
  gpointer user_data;          /* unowned */
  GDBusConnection *connection; /* owned, nullable */
  guint subscription;          /* to NameLost, on the connection */
  gboolean is_owned;
  gboolean is_retired;
  guint retry_id;
};

static void retry_later (RdName *self);

static void
finalize (gpointer data)
{
  RdName *self = data;

  g_object_unref (self->object);
  g_free (self->name);
  g_free (self->address);
}

static void
unref (RdName *self)
{
  g_rc_box_release_full (self, finalize);
}

static void
unexport (RdName *self)
{
  if (g_dbus_interface_skeleton_has_connection (self->object, self->connection))
    g_dbus_interface_skeleton_unexport_from_connection (self->object, self->connection);
}

static void on_closed (RdName *self);

static void
disconnect (RdName *self)
{
  if (self->connection == NULL)
    return;

  self->is_owned = FALSE;
  unexport (self);
  g_dbus_connection_signal_unsubscribe (self->connection, self->subscription);
  g_signal_handlers_disconnect_by_func (self->connection, on_closed, self);
  g_clear_object (&self->connection);
}

static void
on_closed (RdName *self)
{
  g_warning ("The message bus has closed the connection: running without D-Bus, and connecting "
             "again every %d s",
             RD_NAME_RETRY_S);
  disconnect (self);
  retry_later (self);
}

static void
on_name_lost (GDBusConnection *connection,
              const char *sender,
              const char *path,
              const char *interface,
              const char *signal,
              GVariant *parameters,
              gpointer user_data)
{
  RdName *self = user_data;

  if (!self->is_owned)
    return;

  self->is_owned = FALSE;
  unexport (self);
  self->lost (self->user_data);
}

/* Uses @connection (transfer full). */
static void
set_connection (RdName *self, GDBusConnection *connection)
{
  g_autoptr (GError) error = NULL;

  self->connection = connection;
  g_signal_connect_swapped (connection, "closed", G_CALLBACK (on_closed), self);
  self->subscription = g_dbus_connection_signal_subscribe (
    connection, BUS_NAME, BUS_NAME, "NameLost", BUS_PATH, self->name, G_DBUS_SIGNAL_FLAGS_NONE,
    on_name_lost, self, NULL);
  if (!g_dbus_interface_skeleton_export (self->object, connection, RD_OBJECT_PATH, &error))
    g_warning ("Cannot export %s: %s", RD_OBJECT_PATH, error->message);
}

/* Returns: (transfer floating): the parameters of RequestName. */
static GVariant *
make_request (RdName *self)
{
  return g_variant_new ("(su)", self->name,
                        ALLOW_REPLACEMENT | DO_NOT_QUEUE
                          | (self->is_takeover ? REPLACE_EXISTING : 0));
}

/* Reads @reply, the reply to RequestName. Returns: whether the name is owned. */
static gboolean
read_reply (RdName *self, GVariant *reply)
{
  guint32 code;

  g_variant_get (reply, "(u)", &code);
  self->is_owned = code == PRIMARY_OWNER || code == ALREADY_OWNER;
  if (self->is_owned)
    self->is_takeover = FALSE;
  return self->is_owned;
}

static void
on_requested (GObject *source, GAsyncResult *result, gpointer user_data)
{
  RdName *self = user_data; /* owned reference */
  GDBusConnection *connection = G_DBUS_CONNECTION (source);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (connection, result, &error);

  if (self->connection != connection)
    g_debug ("The connection was closed before the bus name %s was acquired", self->name);
  else if (reply == NULL)
    retry_later (self);
  else if (read_reply (self, reply))
    g_message ("Connected to the message bus, with the bus name %s", self->name);
  else
    self->lost (self->user_data);
  unref (self);
}

static void
request (RdName *self)
{
  g_dbus_connection_call (self->connection, BUS_NAME, BUS_PATH, BUS_NAME, "RequestName",
                          make_request (self), G_VARIANT_TYPE ("(u)"), G_DBUS_CALL_FLAGS_NONE,
                          RD_NAME_TIMEOUT_MS, NULL, on_requested, g_rc_box_acquire (self));
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  RdName *self = user_data; /* owned reference */
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) connection = rd_message_bus_connect_finish (result, &error);

  if (connection == NULL)
    {
      g_debug ("Cannot connect to the message bus: %s", error->message);
      retry_later (self);
    }
  else if (!self->is_retired)
    {
      set_connection (self, g_steal_pointer (&connection));
      request (self);
    }
  unref (self);
}

static void
on_retry (gpointer user_data)
{
  RdName *self = user_data;

  self->retry_id = 0;
  if (self->connection != NULL && g_dbus_connection_is_closed (self->connection))
    disconnect (self);
  if (self->connection != NULL)
    request (self);
  else
    rd_message_bus_connect_async (self->address, RD_NAME_TIMEOUT_MS, on_connected,
                                  g_rc_box_acquire (self));
}

static void
retry_later (RdName *self)
{
  if (self->retry_id == 0 && !self->is_retired)
    self->retry_id = g_timeout_add_once (RD_NAME_RETRY_S * 1000, on_retry, self);
}

/* Returns: (transfer full): @address without the id of the bus. Otherwise no connection would be
 * possible after a restart of the bus, which changes the id. */
static char *
dup_without_guid (const char *address)
{
  g_autoptr (GRegex) regex = g_regex_new (",guid=[[:xdigit:]]+", 0, 0, NULL);

  return g_regex_replace_literal (regex, address, -1, 0, "", 0, NULL);
}

RdName *
rd_name_new (const char *address,
             const char *name,
             GDBusInterfaceSkeleton *object,
             gboolean is_takeover,
             void (*lost) (gpointer user_data),
             gpointer user_data)
{
  RdName *self = g_rc_box_new0 (RdName);

  self->address = dup_without_guid (address);
  self->name = g_strdup (name);
  self->object = g_object_ref (object);
  self->is_takeover = is_takeover;
  self->lost = lost;
  self->user_data = user_data;
  return self;
}

void
rd_name_retire (RdName *self)
{
  self->is_retired = TRUE;
  g_clear_handle_id (&self->retry_id, g_source_remove);
}

void
rd_name_free (RdName *self)
{
  g_autoptr (GVariant) reply = NULL;

  rd_name_retire (self);
  if (self->connection != NULL) /* the reply also means that all earlier messages were sent */
    reply = g_dbus_connection_call_sync (self->connection, BUS_NAME, BUS_PATH, BUS_NAME,
                                         "ReleaseName", g_variant_new ("(s)", self->name), NULL,
                                         G_DBUS_CALL_FLAGS_NONE, RELEASE_TIMEOUT_MS, NULL, NULL);
  disconnect (self);
  unref (self);
}

static guint
get_timeout_ms (RdName *self)
{
  return self->is_takeover ? RD_NAME_TAKEOVER_TIMEOUT_MS : RD_NAME_TIMEOUT_MS;
}

void
rd_name_connect (RdName *self)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection *connection = rd_message_bus_connect (self->address, get_timeout_ms (self),
                                                        &error);

  if (connection != NULL)
    {
      set_connection (self, connection);
      return;
    }

  g_message ("Cannot connect to the message bus, running without it until it answers: %s",
             error->message);
  retry_later (self);
}

/* Returns: whether RequestName failed because the bus did not answer, or has ended. */
static gboolean
is_temporary (const GError *reason)
{
  return reason->domain == G_IO_ERROR
         || g_error_matches (reason, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY)
         || g_error_matches (reason, G_DBUS_ERROR, G_DBUS_ERROR_TIMEOUT);
}

gboolean
rd_name_acquire (RdName *self, GError **error)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GError) reason = NULL;

  if (self->connection == NULL)
    return TRUE;

  reply = g_dbus_connection_call_sync (
    self->connection, BUS_NAME, BUS_PATH, BUS_NAME, "RequestName", make_request (self),
    G_VARIANT_TYPE ("(u)"), G_DBUS_CALL_FLAGS_NONE, get_timeout_ms (self), NULL, &reason);
  if (reply != NULL && read_reply (self, reply))
    return TRUE;

  if (reply == NULL && !self->is_takeover && !is_temporary (reason))
    {
      g_propagate_prefixed_error (error, g_steal_pointer (&reason),
                                  "cannot acquire the bus name %s: ", self->name);
      return FALSE;
    }
  if (reply == NULL)
    {
      g_dbus_error_strip_remote_error (reason);
      g_warning ("Cannot acquire the bus name %s, running without it until the bus answers: %s",
                 self->name, reason->message);
      retry_later (self);
      return TRUE;
    }
  if (self->is_takeover)
    {
      self->lost (self->user_data);
      return TRUE;
    }

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
               "cannot acquire the bus name %s: another process owns it (if the service is already "
               "running, use --replace to take over, or --instance=NAME to run another instance)",
               self->name);
  return FALSE;
}

GDBusConnection *
rd_name_get_connection (const RdName *self)
{
  return self->connection;
}

gboolean
rd_name_is_owned (const RdName *self)
{
  return self->is_owned;
}
