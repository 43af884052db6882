/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The clients of an engine. Each client has a record in the table, a WsClient at the same slot of
 * @clients, and a socket in the epoll set. A flush pass may take several main loop iterations. */

#include "ws-client-set.h"

#include "ws-socket.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#define CLOSE_TIMEOUT_US (5 * G_USEC_PER_SEC)
#define TICK_MIN_US      10000  /* shortest tick of the timer wheel */
#define TICK_MAX_US      100000 /* longest tick of the timer wheel */
#define FLUSH_SLICE_US   4000   /* time limit for a flush pass in one main loop iteration */
#define CLOCK_EVERY      64     /* a flush pass reads the clock after this many clients */

/* When an append must evict a client, it evicts all clients whose cursor is in the oldest 1/64 of
 * the log. Therefore, few appends have to search the table for clients to evict. */
#define MARGIN_SHARE 64

/* Maximum total size of the message parts copied for evicted clients, as a multiple of the log
 * size. */
#define COPIES_PER_LOG 4

WsClientSet *
ws_client_set_new (WsLog *log, WsTable *table, const WsEngineOptions *options, GError **error)
{
  const gint64 tick_us = MIN (options->ping_interval_us, options->ping_timeout_us) / 16;
  g_autoptr (WsClientSet) set = g_new0 (WsClientSet, 1);

  set->options = *options;
  set->log = log;
  set->table = table;
  set->context.log = log;
  set->context.counters = &table->header->counters;
  set->context.max_message = options->max_message;
  set->context.max_copied = COPIES_PER_LOG * log->size;
  set->clients = g_new0 (WsClient *, table->header->capacity);
  set->now_us = g_get_monotonic_time ();
  set->wheel = ws_wheel_new (CLAMP (tick_us, TICK_MIN_US, TICK_MAX_US), set->now_us);
  if (options->ping_interval_us > 0)
    set->send_timeout_us = options->ping_interval_us + options->ping_timeout_us;
  set->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (set->epoll_fd < 0)
    {
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
                   "cannot create an epoll set: %s", g_strerror (errno));
      return NULL;
    }

  return g_steal_pointer (&set);
}

void
ws_client_set_free (WsClientSet *set)
{
  for (guint i = 0; i < set->table->header->count; i++)
    ws_client_free (set->clients[i]);
  g_free (set->clients);
  ws_table_free (set->table);
  ws_log_free (set->log);
  g_free (set->wheel);
  if (set->epoll_fd >= 0)
    close (set->epoll_fd);
  g_free (set);
}

/* Adds the socket of @client to the epoll set. Pending events are also reported (epoll(7)). */
static gboolean
watch (WsClientSet *set, WsClient *client, GError **error)
{
  struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };

  event.data.ptr = client;
  client->is_watched = epoll_ctl (set->epoll_fd, EPOLL_CTL_ADD, client->record->fd, &event) == 0;
  if (!client->is_watched)
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
                 "cannot watch the socket of a client: %s", g_strerror (errno));
  return client->is_watched;
}

/* Copies the temporary record of @client to the table, and sets client->id and client->record. */
static void
enter (WsClientSet *set, WsClient *client)
{
  client->record = ws_table_add (set->table, client->record);
  client->id = client->record->id;
  set->clients[set->table->header->count - 1] = client;
}

WsClient *
ws_client_set_add (WsClientSet *set, int fd, GError **error)
{
  WsRecord draft = { .fd = fd,
                     .cursor = set->log->header->head,
                     .next = set->log->header->count,
                     .connected_us = g_get_real_time (),
                     .heard_us = g_get_monotonic_time () };
  WsClient *client = ws_client_new (&draft);

  if (set->table->header->count >= set->options.max_clients)
    {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC, "no room for more than %u clients",
                   set->options.max_clients);
    }
  else if (watch (set, client, error))
    {
      ws_socket_read_peer (&draft);
      ws_socket_tune (fd, set->send_timeout_us);
      enter (set, client);
      ws_client_set_arm_ping (set, client);
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
ws_client_set_restore (WsClientSet *set, const WsRecord *record, int fd)
{
  WsRecord draft = *record;
  WsClient *client = ws_client_new (&draft);

  draft.fd = fd;
  enter (set, client);
  enqueue (&set->unwatched, client);
  return client;
}

void
ws_client_set_restore_ping (WsClientSet *set, WsClient *client)
{
  const gint64 deadline_us = ws_wheel_get_deadline_us (set->wheel, &client->timer);

  if (client->state != WS_CLIENT_OPEN)
    return;

  client->record->heard_us = CLAMP (client->record->heard_us, 0, set->now_us);
  ws_wheel_disarm (&client->timer);
  if (client->awaits_pong && set->options.ping_interval_us > 0)
    ws_wheel_arm (set->wheel, &client->timer,
                  CLAMP (deadline_us, 0, set->now_us + set->options.ping_timeout_us));
  else
    ws_client_set_arm_ping (set, client);
}

static void
begin_restart_close (WsClientSet *set, WsClient *client)
{
  if (client->state != WS_CLIENT_OPEN)
    return;

  client->is_ours = TRUE;
  ws_client_close (client, &set->context, WS_CLOSE_SERVICE_RESTART, "service restart");
}

void
ws_client_set_watch (WsClientSet *set, WsClient *client)
{
  if (set->retunes)
    ws_socket_set_send_timeout (client->record->fd, set->send_timeout_us);
  if (!watch (set, client, NULL))
    begin_restart_close (set, client);

  /* send control frames now, as the next flush pass begins only after a new message */
  if ((client->record->flags & WS_RECORD_CONTROL) != 0)
    ws_client_set_send (set, client);
  if (!client->is_watched)
    ws_client_set_drop (set, client);
}

WsClient *
ws_client_set_pop (GQueue *queue)
{
  GList *link = g_queue_pop_head_link (queue);
  WsClient *client;

  if (link == NULL)
    return NULL;

  client = link->data;
  client->queue = NULL;
  return client;
}

void
ws_client_set_change_log (WsClientSet *set, WsLog *log)
{
  const guint64 tail = ws_log_get_tail (log);

  for (guint slot = 0; slot < set->table->header->count; slot++)
    {
      WsClient *client = set->clients[slot];

      if (!ws_record_is_before (client->record, tail))
        continue;
      if (!ws_client_evict (client, &set->context))
        ws_client_set_drop (set, client);
      else if (!client->is_timed)
        ws_client_set_time_close (set, client, G_MAXINT64);
    }

  ws_log_free (set->log);
  set->log = log;
  set->context.log = log;
  set->context.max_copied = COPIES_PER_LOG * log->size;
}

void
ws_client_set_close_from (WsClientSet *set, guint first)
{
  for (guint slot = first; slot < set->table->header->count; slot++)
    {
      WsClient *client = set->clients[slot];

      begin_restart_close (set, client);
      if (!client->is_timed)
        ws_client_set_time_close (set, client, G_MAXINT64);
    }
}

void
ws_client_set_time_close (WsClientSet *set, WsClient *client, gint64 deadline_us)
{
  const gint64 latest_us = g_get_monotonic_time () + CLOSE_TIMEOUT_US;

  client->is_timed = TRUE;
  ws_wheel_arm (set->wheel, &client->timer, CLAMP (deadline_us, 0, latest_us));
}

void
ws_client_set_drop (WsClientSet *set, WsClient *client)
{
  WsRecord *record = client->record;

  if (client->is_dead)
    return;

  if (client->close_code == 0)
    client->close_code = WS_CLOSE_ABNORMAL;
  ws_client_count_delivered (client, &set->context);
  ws_client_release_copy (client, &set->context);
  set->context.counters->closed[ws_close_slot (client->close_code)]++;
  /* close() does not remove a socket from the epoll set if another process has the socket open */
  epoll_ctl (set->epoll_fd, EPOLL_CTL_DEL, record->fd, NULL);
  close (record->fd);
  record->fd = -1;
  record->flags = WS_RECORD_DETACHED | WS_RECORD_BLOCKED;
  ws_wheel_disarm (&client->timer);
  client->is_dead = TRUE;
  if (client->queue != NULL)
    g_queue_unlink (client->queue, &client->link);
  enqueue (&set->dead, client);
}

/* Arms the ping timeout of @client after a ping was sent. */
static void
await_pong (WsClientSet *set, WsClient *client)
{
  client->ping_sent = FALSE;
  if (client->state != WS_CLIENT_OPEN)
    return;

  client->awaits_pong = TRUE;
  ws_wheel_arm (set->wheel, &client->timer, g_get_monotonic_time () + set->options.ping_timeout_us);
}

void
ws_client_set_settle (WsClientSet *set, WsClient *client)
{
  const WsRecordFlags waits = client->record->flags & (WS_RECORD_CONTROL | WS_RECORD_BLOCKED);

  if (client->is_dead)
    return;

  if ((waits == WS_RECORD_CONTROL && ws_client_send (client, &set->context) == WS_SEND_FAILED)
      || client->state == WS_CLIENT_FINISHED)
    {
      ws_client_set_drop (set, client);
      return;
    }

  if (client->ping_sent)
    await_pong (set, client);
  if (client->state != WS_CLIENT_OPEN && !client->is_timed)
    ws_client_set_time_close (set, client, G_MAXINT64);
}

void
ws_client_set_send (WsClientSet *set, WsClient *client)
{
  if (ws_client_send (client, &set->context) == WS_SEND_FAILED)
    ws_client_set_drop (set, client);
  else
    ws_client_set_settle (set, client);
}

void
ws_client_set_read_later (WsClientSet *set, WsClient *client)
{
  if (client->queue == NULL)
    enqueue (&set->readable, client);
}

void
ws_client_set_arm_ping (WsClientSet *set, WsClient *client)
{
  client->awaits_pong = FALSE;
  if (set->options.ping_interval_us > 0)
    ws_wheel_arm (set->wheel, &client->timer,
                  client->record->heard_us + set->options.ping_interval_us);
}

/* Sends the unsent part of the log and the queued control frames to the client in @slot. A flush
 * pass calls this for each slot. */
static void
visit (WsClientSet *set, guint slot)
{
  WsRecord *record = &set->table->records[slot];

  if (record->flags == 0)
    {
      if (record->cursor < set->log->header->head
          && ws_client_send_log (record, &set->context) == WS_SEND_FAILED)
        ws_client_set_drop (set, set->clients[slot]);
    }
  else if (record->flags == WS_RECORD_CONTROL)
    ws_client_set_send (set, set->clients[slot]);
}

/* Removes the record in @slot; the last record and its client move to @slot. */
static void
remove_slot (WsClientSet *set, guint slot)
{
  ws_table_remove (set->table, slot);
  if (slot == set->table->header->count)
    return;

  set->clients[slot] = set->clients[set->table->header->count];
  set->clients[slot]->record = &set->table->records[slot];
  if (set->flush.is_active && slot < set->flush.slot)
    visit (set, slot); /* the flush pass is past this slot, and would miss the client moved here */
}

void
ws_client_set_reap (WsClientSet *set)
{
  const WsContext *context = &set->context;
  WsClient *client;

  while ((client = ws_client_set_pop (&set->dead)) != NULL)
    {
      WsRecord record = *client->record;

      remove_slot (set, client->record - set->table->records);
      client->record = &record;
      context->events->closed (client, client->close_code, context->user_data);
      ws_client_free (client);
    }
}

void
ws_client_set_flush (WsClientSet *set)
{
  const gint64 begin_us = g_get_monotonic_time ();
  WsFlush *flush = &set->flush;
  gint64 now_us = begin_us;

  if (!ws_client_set_is_flush_pending (set))
    return;
  if (!flush->is_active)
    {
      flush->is_active = TRUE;
      flush->slot = 0;
      flush->head = set->log->header->head;
      flush->done_count = set->log->header->count;
    }

  while (flush->slot < set->table->header->count && now_us - begin_us < FLUSH_SLICE_US)
    {
      visit (set, flush->slot++);
      if (flush->slot % CLOCK_EVERY == 0)
        now_us = g_get_monotonic_time ();
    }

  if (flush->slot >= set->table->header->count)
    {
      flush->is_active = FALSE;
      flush->done = flush->head;
      set->context.counters->flush_passes++;
    }
  set->context.counters->flush_us += g_get_monotonic_time () - begin_us;
}

gboolean
ws_client_set_is_flush_pending (const WsClientSet *set)
{
  return set->flush.is_active || set->flush.done < set->log->header->head;
}

void
ws_client_set_make_room (WsClientSet *set, gsize size)
{
  const guint64 head = set->log->header->head;
  const guint64 tail = ws_log_get_tail_after (set->log, size);
  guint64 least;

  if (tail <= set->flush.low)
    return;

  least = MIN (tail + (head - ws_log_get_tail (set->log)) / MARGIN_SHARE, head);
  set->flush.low = head;
  for (guint slot = 0; slot < set->table->header->count; slot++)
    {
      const WsRecord *record = &set->table->records[slot];
      WsClient *client = set->clients[slot];

      if (ws_record_is_before (record, least))
        ws_client_set_send (set, client);
      if (ws_record_is_before (record, least))
        {
          if (ws_client_evict (client, &set->context))
            ws_client_set_send (set, client);
          else
            ws_client_set_drop (set, client);
        }
      if (ws_record_is_before (record, set->flush.low))
        set->flush.low = record->cursor;
    }
}
