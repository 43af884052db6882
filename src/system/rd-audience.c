/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The audience: who has asked for something over a message bus, and is still there. Keeps watch
 * over their names, so that nobody who left without a word is spoken to for ever. What they hear is
 * somebody else's. */

#include "rd-audience.h"

struct _RdAudience
{
  GHashTable *watches; /* unique bus name -> id of the watch over it, both owned */
  void (*changed) (gpointer);
  gpointer user_data; /* unowned */
};

static void
unwatch (gpointer watch_id)
{
  g_bus_unwatch_name (GPOINTER_TO_UINT (watch_id));
}

RdAudience *
rd_audience_new (void (*changed) (gpointer), gpointer user_data)
{
  RdAudience *audience = g_new0 (RdAudience, 1);

  audience->watches = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, unwatch);
  audience->changed = changed;
  audience->user_data = user_data;
  return audience;
}

void
rd_audience_free (RdAudience *audience)
{
  g_hash_table_unref (audience->watches);
  g_free (audience);
}

static void
on_vanished (GDBusConnection *connection, const char *name, gpointer user_data)
{
  rd_audience_remove (user_data, name);
}

void
rd_audience_add (RdAudience *audience, GDBusConnection *connection, const char *name)
{
  guint watch_id;

  if (g_hash_table_contains (audience->watches, name))
    return;

  watch_id = g_bus_watch_name_on_connection (connection, name, G_BUS_NAME_WATCHER_FLAGS_NONE, NULL,
                                             on_vanished, audience, NULL);
  g_hash_table_insert (audience->watches, g_strdup (name), GUINT_TO_POINTER (watch_id));
  audience->changed (audience->user_data);
}

void
rd_audience_remove (RdAudience *audience, const char *name)
{
  if (g_hash_table_remove (audience->watches, name))
    audience->changed (audience->user_data);
}

gboolean
rd_audience_is_empty (const RdAudience *audience)
{
  return g_hash_table_size (audience->watches) == 0;
}

GVariant *
rd_audience_pack (const RdAudience *audience)
{
  GVariantBuilder names;
  GHashTableIter iter;
  gpointer name;

  g_variant_builder_init (&names, G_VARIANT_TYPE_STRING_ARRAY);
  g_hash_table_iter_init (&iter, audience->watches);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_variant_builder_add (&names, "s", name);
  return g_variant_builder_end (&names);
}

void
rd_audience_unpack (RdAudience *audience, GVariant *names, GDBusConnection *connection)
{
  GVariantIter iter;
  const char *name;

  g_variant_iter_init (&iter, names);
  while (g_variant_iter_next (&iter, "&s", &name))
    if (g_dbus_is_unique_name (name))
      rd_audience_add (audience, connection, name);
}
