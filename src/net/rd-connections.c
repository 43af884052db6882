/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Limits the lifetime of HTTP connections, since libsoup has no request timeout. All connections
 * have the same lifetime, so a queue and one timer are enough. */

#include "rd-connections.h"

typedef struct
{
  GSocketConnection *connection; /* unowned: we hold a weak reference */
  gint64 since_us;               /* start of the connection, CLOCK_MONOTONIC */
} Entry;

struct _RdConnections
{
  GQueue queue;      /* Entry, owned, oldest first */
  GHashTable *links; /* GSocketConnection -> its GList element in the queue */
  guint max;
  gint64 lifetime_us;
  gint64 crowded_lifetime_us;
  gboolean is_crowded; /* the number of connections is at least max */
  guint timer_id;
  const RdConnectionsEvents *events; /* unowned: outlives us */
  gpointer user_data;                /* unowned */
};

static gint64
get_lifetime_us (const RdConnections *connections)
{
  return connections->is_crowded ? connections->crowded_lifetime_us : connections->lifetime_us;
}

static gboolean on_timer (gpointer user_data);

/* Updates is_crowded and the timer after connections were added or removed; reports the number. */
static void
update_count (RdConnections *connections)
{
  const gboolean is_crowded = connections->queue.length >= connections->max;
  const Entry *oldest = g_queue_peek_head (&connections->queue);

  if (connections->is_crowded != is_crowded)
    g_clear_handle_id (&connections->timer_id, g_source_remove);
  connections->is_crowded = is_crowded;
  if (oldest != NULL && connections->timer_id == 0)
    {
      gint64 wait_us = oldest->since_us + get_lifetime_us (connections) - g_get_monotonic_time ();

      connections->timer_id = g_timeout_add (MAX (wait_us, 0) / 1000 + 1, on_timer, connections);
    }
  connections->events->changed (connections->queue.length, connections->user_data);
}

/* Removes the entry of @connection. Returns: TRUE, or FALSE if @connection has no entry. */
static gboolean
remove_entry (RdConnections *connections, gpointer connection)
{
  GList *link = g_hash_table_lookup (connections->links, connection);

  if (link == NULL)
    return FALSE;

  g_hash_table_remove (connections->links, connection);
  g_free (link->data);
  g_queue_delete_link (&connections->queue, link);
  return TRUE;
}

static void
on_disposed (gpointer data, GObject *connection)
{
  remove_entry (data, connection);
  update_count (data);
}

/* Shuts down the oldest connection. @is_early: see RdConnectionsEvents. */
static void
cut_oldest (RdConnections *connections, gboolean is_early)
{
  const Entry *oldest = g_queue_peek_head (&connections->queue);
  GSocketConnection *connection = oldest->connection;

  g_object_weak_unref (G_OBJECT (connection), on_disposed, connections);
  remove_entry (connections, connection);
  connections->events->cut (is_early, connections->user_data);

  /* makes libsoup read EOF and drop its reference to the connection */
  g_socket_shutdown (g_socket_connection_get_socket (connection), TRUE, TRUE, NULL);
}

static gboolean
on_timer (gpointer user_data)
{
  RdConnections *connections = user_data;
  const gint64 limit_us = g_get_monotonic_time () - get_lifetime_us (connections);
  const gboolean is_early = connections->is_crowded;
  const Entry *oldest;

  connections->timer_id = 0;
  while ((oldest = g_queue_peek_head (&connections->queue)) != NULL && oldest->since_us <= limit_us)
    cut_oldest (connections, is_early);

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

  connections->links = g_hash_table_new (NULL, NULL);
  connections->max = max;
  connections->lifetime_us = lifetime_us;
  connections->crowded_lifetime_us = crowded_lifetime_us;
  connections->events = events;
  connections->user_data = user_data;
  return connections;
}

void
rd_connections_free (RdConnections *connections)
{
  for (GList *l = connections->queue.head; l != NULL; l = l->next)
    g_object_weak_unref (G_OBJECT (((Entry *) l->data)->connection), on_disposed, connections);

  g_clear_handle_id (&connections->timer_id, g_source_remove);
  g_hash_table_unref (connections->links);
  g_queue_clear_full (&connections->queue, g_free);
  g_free (connections);
}

void
rd_connections_cut_oldest (RdConnections *connections)
{
  if (connections->queue.length == 0)
    return;

  cut_oldest (connections, TRUE);
  update_count (connections);
}

void
rd_connections_watch (RdConnections *connections, GSocketConnection *connection)
{
  Entry *entry = g_new0 (Entry, 1);

  entry->connection = connection;
  entry->since_us = g_get_monotonic_time ();
  g_queue_push_tail (&connections->queue, entry);
  g_hash_table_insert (connections->links, connection, connections->queue.tail);
  g_object_weak_ref (G_OBJECT (connection), on_disposed, connections);
  update_count (connections);
}

void
rd_connections_release (RdConnections *connections, GSocketConnection *connection)
{
  if (!remove_entry (connections, connection))
    return;

  g_object_weak_unref (G_OBJECT (connection), on_disposed, connections);
  update_count (connections);
}

guint
rd_connections_get_count (const RdConnections *connections)
{
  return connections->queue.length;
}
