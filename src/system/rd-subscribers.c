/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Emits ClientConnected and ClientDisconnected while there is at least one subscriber. */

#include "rd-subscribers.h"

struct _RdSubscribers
{
  RdManager *manager;     /* unowned */
  RdDBusServer1 *server1; /* unowned */
  GHashTable *watches;    /* unique bus name -> watch id, both owned */
};

static void
unwatch (gpointer watch_id)
{
  g_bus_unwatch_name (GPOINTER_TO_UINT (watch_id));
}

static void
on_client_connected (RdSubscribers *self, const WsClient *client)
{
  g_autofree char *remote = NULL;

  if (g_hash_table_size (self->watches) == 0)
    return;

  remote = rd_client_dup_remote (client);
  rd_dbus_server1_emit_client_connected (self->server1, client->id, remote);
}

static void
on_client_disconnected (RdSubscribers *self, guint64 id, guint code)
{
  if (g_hash_table_size (self->watches) > 0)
    rd_dbus_server1_emit_client_disconnected (self->server1, id, code);
}

RdSubscribers *
rd_subscribers_new (RdManager *manager, RdDBusServer1 *server1)
{
  RdSubscribers *self = g_new0 (RdSubscribers, 1);

  self->manager = manager;
  self->server1 = server1;
  self->watches = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, unwatch);
  g_signal_connect_swapped (manager, "client-connected", G_CALLBACK (on_client_connected), self);
  g_signal_connect_swapped (manager, "client-disconnected", G_CALLBACK (on_client_disconnected),
                            self);
  return self;
}

void
rd_subscribers_free (RdSubscribers *self)
{
  g_signal_handlers_disconnect_by_data (self->manager, self);
  g_hash_table_unref (self->watches);
  g_free (self);
}

static void
on_vanished (GDBusConnection *connection, const char *name, gpointer user_data)
{
  rd_subscribers_remove (user_data, name);
}

void
rd_subscribers_add (RdSubscribers *self, GDBusConnection *connection, const char *name)
{
  guint watch_id;

  if (g_hash_table_contains (self->watches, name))
    return;

  watch_id = g_bus_watch_name_on_connection (connection, name, G_BUS_NAME_WATCHER_FLAGS_NONE, NULL,
                                             on_vanished, self, NULL);
  g_hash_table_insert (self->watches, g_strdup (name), GUINT_TO_POINTER (watch_id));
}

void
rd_subscribers_remove (RdSubscribers *self, const char *name)
{
  g_hash_table_remove (self->watches, name);
}

GVariant *
rd_subscribers_pack (const RdSubscribers *self)
{
  g_autofree gpointer *names = g_hash_table_get_keys_as_array (self->watches, NULL);

  return g_variant_new_strv ((const char *const *) names, -1);
}

void
rd_subscribers_unpack (RdSubscribers *self, GVariant *names, GDBusConnection *connection)
{
  GVariantIter iter;
  const char *name;

  g_variant_iter_init (&iter, names);
  while (g_variant_iter_next (&iter, "&s", &name))
    if (g_dbus_is_unique_name (name))
      rd_subscribers_add (self, connection, name);
}
