/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The roster: enters clients, carries out what their state asks for, and takes them off. Each
 * client is in the table, in the epoll set, and at its slot in the array, or in none of them. It
 * has no sense of time or order: when anything is done is the engine's. */

#include "ws-roster.h"

#include "ws-socket.h"

#include <glib/gi18n.h>
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#define CLOSE_TIMEOUT_US (5 * G_USEC_PER_SEC)

WsRoster *
ws_roster_new (WsLog *log, WsTable *table, const WsRosterOptions *options, GError **error)
{
  g_autoptr (WsRoster) roster = g_new0 (WsRoster, 1);

  roster->options = *options;
  roster->log = log;
  roster->table = table;
  roster->context.log = log;
  roster->context.counters = ws_table_get_counters (table);
  roster->context.max_message = options->max_message;
  roster->clients = g_new0 (WsClient *, ws_table_get_capacity (table));
  roster->wheel = ws_wheel_new (options->tick_us, g_get_monotonic_time ());
  roster->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (roster->epoll_fd < 0)
    {
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
                   _ ("cannot create an epoll set: %s"), g_strerror (errno));
      return NULL;
    }

  return g_steal_pointer (&roster);
}

void
ws_roster_free (WsRoster *roster)
{
  for (guint i = 0; i < ws_table_get_count (roster->table); i++)
    ws_client_free (roster->clients[i]);
  g_free (roster->clients);
  ws_table_free (roster->table);
  ws_log_free (roster->log);
  ws_wheel_free (roster->wheel);
  if (roster->epoll_fd >= 0)
    close (roster->epoll_fd);
  g_free (roster);
}

/* From its current state on: what is ready already is told as well (epoll(7)). */
static gboolean
watch (WsRoster *roster, WsClient *client, GError **error)
{
  struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };

  event.data.ptr = client;
  client->is_watched = epoll_ctl (roster->epoll_fd, EPOLL_CTL_ADD, client->record->fd, &event) == 0;
  if (!client->is_watched)
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
                 _ ("cannot watch a client’s socket: %s"), g_strerror (errno));
  return client->is_watched;
}

/* Gives @client, which has but a draft of a record so far, its place in the table. */
static void
give_place (WsRoster *roster, WsClient *client)
{
  WsRecord *record = ws_table_add (roster->table);

  client->id = record->id;
  client->record->id = record->id;
  *record = *client->record;
  client->record = record;
  roster->clients[ws_table_get_count (roster->table) - 1] = client;
}

WsClient *
ws_roster_enter (WsRoster *roster, int fd, GError **error)
{
  WsRecord draft = { .fd = fd,
                     .cursor = ws_log_get_head (roster->log),
                     .next = ws_log_get_count (roster->log),
                     .connected_us = g_get_real_time (),
                     .heard_us = g_get_monotonic_time () };
  WsClient *client = ws_client_new (&draft);

  if (ws_table_get_count (roster->table) >= roster->options.max_clients)
    {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC, _ ("no room for more than %u clients"),
                   roster->options.max_clients);
    }
  else if (watch (roster, client, error))
    {
      ws_socket_read_peer (&draft);
      ws_socket_tune (fd, roster->options.patience_us);
      give_place (roster, client);
      return client;
    }

  ws_client_free (client);
  return NULL;
}

static void
enqueue (GQueue *queue, WsClient *client)
{
  client->queue = queue;
  g_queue_push_tail_link (queue, &client->link);
}

WsClient *
ws_roster_reenter (WsRoster *roster, const WsRecord *record, int fd)
{
  WsRecord *copy = ws_table_add_copy (roster->table, record);
  WsClient *client = ws_client_new (copy);

  copy->fd = fd;
  roster->clients[ws_table_get_count (roster->table) - 1] = client;
  enqueue (&roster->unwatched, client);
  return client;
}

static void
begin_restart_close (WsRoster *roster, WsClient *client)
{
  if (client->state != WS_CLIENT_OPEN)
    return;

  client->is_ours = TRUE;
  ws_client_close (client, &roster->context, WS_CLOSE_SERVICE_RESTART, "service restart");
}

void
ws_roster_watch (WsRoster *roster, WsClient *client)
{
  if (roster->retunes)
    ws_socket_set_patience (client->record->fd, roster->options.patience_us);
  if (watch (roster, client, NULL))
    {
      /* where nothing is published nobody else would */
      if ((client->record->flags & WS_RECORD_CONTROL) != 0)
        ws_roster_send (roster, client);
      return;
    }

  begin_restart_close (roster, client);
  ws_roster_send (roster, client);
  ws_roster_drop (roster, client); /* nobody would hear its answer */
}

void
ws_roster_change_log (WsRoster *roster, WsLog *log)
{
  const guint64 tail = ws_log_get_tail (log);

  for (guint slot = 0; slot < ws_table_get_count (roster->table); slot++)
    {
      const WsRecord *record = ws_table_get (roster->table, slot);
      WsClient *client = roster->clients[slot];

      if ((record->flags & WS_RECORD_DETACHED) != 0 || record->cursor >= tail)
        continue;
      ws_client_evict (client, &roster->context);
      if (!client->is_timed)
        ws_roster_time_close (roster, client, G_MAXINT64);
    }

  ws_log_free (roster->log);
  roster->log = log;
  roster->context.log = log;
}

void
ws_roster_close_from (WsRoster *roster, guint first)
{
  for (guint slot = first; slot < ws_table_get_count (roster->table); slot++)
    {
      WsClient *client = roster->clients[slot];

      begin_restart_close (roster, client);
      if (!client->is_timed)
        ws_roster_time_close (roster, client, G_MAXINT64);
    }
}

void
ws_roster_time_close (WsRoster *roster, WsClient *client, gint64 deadline_us)
{
  const gint64 latest_us = g_get_monotonic_time () + CLOSE_TIMEOUT_US;

  client->is_timed = TRUE;
  ws_wheel_arm (roster->wheel, &client->timer, CLAMP (deadline_us, 0, latest_us));
}

void
ws_roster_drop (WsRoster *roster, WsClient *client)
{
  WsRecord *record = client->record;

  if (client->is_dead)
    return;

  if (client->close_code == 0)
    client->close_code = WS_CLOSE_ABNORMAL;
  ws_client_count_delivered (client, &roster->context);
  roster->context.counters->closed[ws_close_slot (client->close_code)]++;
  /* by name, as closing it would not do if another process holds the socket too */
  epoll_ctl (roster->epoll_fd, EPOLL_CTL_DEL, record->fd, NULL);
  close (record->fd);
  record->fd = -1;
  record->flags = WS_RECORD_DETACHED | WS_RECORD_BLOCKED;
  ws_wheel_disarm (&client->timer);
  client->is_dead = TRUE;
  if (client->queue != NULL)
    g_queue_unlink (client->queue, &client->link);
  enqueue (&roster->dead, client);
}

void
ws_roster_settle (WsRoster *roster, WsClient *client)
{
  const WsRecordFlags waits = client->record->flags & (WS_RECORD_CONTROL | WS_RECORD_BLOCKED);

  if (client->is_dead)
    return;

  if ((waits == WS_RECORD_CONTROL && ws_client_send (client, &roster->context) == WS_SEND_FAILED)
      || client->state == WS_CLIENT_FINISHED)
    {
      ws_roster_drop (roster, client);
    }
  else if (client->state != WS_CLIENT_OPEN && !client->is_timed)
    {
      ws_roster_time_close (roster, client, G_MAXINT64);
    }
}

void
ws_roster_send (WsRoster *roster, WsClient *client)
{
  if (ws_client_send (client, &roster->context) == WS_SEND_FAILED)
    ws_roster_drop (roster, client);
  else
    ws_roster_settle (roster, client);
}

void
ws_roster_read_later (WsRoster *roster, WsClient *client)
{
  if (client->queue == NULL)
    enqueue (&roster->readable, client);
}

WsClient *
ws_roster_next (GQueue *queue)
{
  GList *link = g_queue_pop_head_link (queue);
  WsClient *client;

  if (link == NULL)
    return NULL;

  client = link->data;
  client->queue = NULL;
  return client;
}

guint
ws_roster_remove (WsRoster *roster, WsClient *client)
{
  const guint slot = client->record - ws_table_get (roster->table, 0);
  const guint last = ws_table_get_count (roster->table) - 1;

  ws_client_free (client);
  ws_table_remove (roster->table, slot);
  if (slot != last)
    {
      roster->clients[slot] = roster->clients[last];
      roster->clients[slot]->record = ws_table_get (roster->table, slot);
    }

  return slot;
}
