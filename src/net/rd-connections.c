/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Limits the lifetime of HTTP connections, since libsoup has no request timeout. All connections
 * have the same lifetime, so a queue and one timer are enough. */

#include "rd-connections.h"

typedef struct
{
  RdConnections *owner;          /* unowned */
  GSocketConnection *connection; /* unowned: we hold a weak reference */
  gint64 since_us;               /* CLOCK_MONOTONIC */
  GList link;                    /* in owner->queue until shut down */
  gboolean is_queued;
} Entry;

struct _RdConnections
{
  GHashTable *entries; /* GSocketConnection -> Entry, owned */
  GQueue queue;        /* Entry, unowned, oldest first, without those shut down */
  guint max;
  gint64 lifetime_us;
  gint64 crowded_lifetime_us;
  gboolean is_crowded; /* the queue has max entries or more */
  guint timer_id;
  const RdConnectionsEvents *events; /* unowned: outlives us */
  gpointer user_data;                /* unowned */
};

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  if (entry->is_queued)
    g_queue_unlink (&entry->owner->queue, &entry->link);
  g_free (entry);
}

static void
cut (Entry *entry, gboolean is_early)
{
  RdConnections *connections = entry->owner;

  g_queue_unlink (&connections->queue, &entry->link);
  entry->is_queued = FALSE;
  connections->events->cut (is_early, connections->user_data);

  /* libsoup then reads EOF and drops its reference, which disposes of the connection */
  g_socket_shutdown (g_socket_connection_get_socket (entry->connection), TRUE, TRUE, NULL);
}

static gint64
get_lifetime_us (const RdConnections *connections)
{
  return connections->is_crowded ? connections->crowded_lifetime_us : connections->lifetime_us;
}

static gboolean on_timer (gpointer user_data);

/* Starts the timer for the oldest entry, unless it is running. */
static void
arm_timer (RdConnections *connections)
{
  const Entry *oldest = g_queue_peek_head (&connections->queue);
  gint64 wait_us;

  if (oldest == NULL || connections->timer_id != 0)
    return;

  wait_us = oldest->since_us + get_lifetime_us (connections) - g_get_monotonic_time ();
  connections->timer_id = g_timeout_add (MAX (wait_us, 0) / 1000 + 1, on_timer, connections);
}

/* Updates timer and crowded state after a change of the number of connections. */
static void
update_count (RdConnections *connections)
{
  const gboolean is_crowded = connections->queue.length >= connections->max;

  if (connections->is_crowded != is_crowded)
    g_clear_handle_id (&connections->timer_id, g_source_remove);
  connections->is_crowded = is_crowded;
  arm_timer (connections);
  connections->events->changed (connections->queue.length, connections->user_data);
}

static gboolean
on_timer (gpointer user_data)
{
  RdConnections *connections = user_data;
  const gint64 since_us = g_get_monotonic_time () - get_lifetime_us (connections);
  const gboolean is_early = connections->is_crowded;
  Entry *oldest;

  connections->timer_id = 0;
  while ((oldest = g_queue_peek_head (&connections->queue)) != NULL && oldest->since_us <= since_us)
    cut (oldest, is_early);

  update_count (connections);
  return G_SOURCE_REMOVE;
}

RdConnections *
rd_connections_new (guint max,
                    gint64 lifetime_us,
                    gint64 crowded_lifetime_us,
                    const RdConnectionsEvents *events,
                    gpointer user_data)
{
  RdConnections *connections = g_new0 (RdConnections, 1);

  connections->entries = g_hash_table_new_full (NULL, NULL, NULL, entry_free);
  g_queue_init (&connections->queue);
  connections->max = max;
  connections->lifetime_us = lifetime_us;
  connections->crowded_lifetime_us = crowded_lifetime_us;
  connections->events = events;
  connections->user_data = user_data;
  return connections;
}

static void
on_disposed (gpointer data, GObject *connection)
{
  RdConnections *connections = data;

  g_hash_table_remove (connections->entries, connection);
  update_count (connections);
}

void
rd_connections_free (RdConnections *connections)
{
  GHashTableIter iter;
  gpointer connection;

  g_hash_table_iter_init (&iter, connections->entries);
  while (g_hash_table_iter_next (&iter, &connection, NULL))
    g_object_weak_unref (connection, on_disposed, connections);

  g_clear_handle_id (&connections->timer_id, g_source_remove);
  g_hash_table_unref (connections->entries);
  g_free (connections);
}

void
rd_connections_cut_oldest (RdConnections *connections)
{
  if (connections->queue.length > 0)
    cut (g_queue_peek_head (&connections->queue), TRUE);
}

void
rd_connections_watch (RdConnections *connections, GSocketConnection *connection)
{
  Entry *entry = g_new0 (Entry, 1);

  entry->owner = connections;
  entry->connection = connection;
  entry->since_us = g_get_monotonic_time ();
  entry->link.data = entry;
  entry->is_queued = TRUE;
  g_queue_push_tail_link (&connections->queue, &entry->link);
  g_hash_table_insert (connections->entries, connection, entry);
  g_object_weak_ref (G_OBJECT (connection), on_disposed, connections);
  update_count (connections);
}

void
rd_connections_release (RdConnections *connections, GSocketConnection *connection)
{
  if (!g_hash_table_remove (connections->entries, connection))
    return;

  g_object_weak_unref (G_OBJECT (connection), on_disposed, connections);
  update_count (connections);
}

guint
rd_connections_get_count (const RdConnections *connections)
{
  return connections->queue.length;
}
