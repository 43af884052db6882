/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The engine. Each main loop iteration reads from clients, then sends the messages in the message
 * log to all clients (flush pass). An iteration is limited in time: a flush pass may continue in
 * the next iteration, which then does not read. Reading also stops when new messages fill 1/4 of
 * the log. Therefore, clients cannot send faster than the server delivers. */

#include "ws-engine.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define READ_SLICE_US    2000 /* time limit for reading per iteration */
#define WATCH_SLICE_US   1000 /* time limit for ws_client_set_watch() per iteration */
#define READ_SHARE       4    /* reading stops when new messages fill 1/4 of the log */
#define READ_BUFFER_SIZE (64 * 1024)
#define EVENTS_MAX       128 /* per epoll_wait() */

/* Allocated by g_source_new(). */
struct _WsEngine
{
  GSource source;
  WsClientSet *set;   /* owned */
  gpointer epoll_tag; /* unowned: tag of epoll_fd in @source */
  gboolean is_paused;
  guint8 buffer[READ_BUFFER_SIZE];
};

static gboolean dispatch (GSource *source, GSourceFunc callback, gpointer user_data);

static const GSourceFuncs source_funcs = { .dispatch = dispatch };

/* Creates an engine. @set: (transfer full). */
static WsEngine *
engine_on (WsClientSet *set, const WsEngineEvents *events, gpointer user_data)
{
  WsEngine *engine = (gpointer) g_source_new ((GSourceFuncs *) &source_funcs, sizeof (WsEngine));

  g_assert (set->options.max_message <= set->options.log_size / 8);

  engine->set = set;
  set->context.events = events;
  set->context.user_data = user_data;
  g_source_set_static_name (&engine->source, "ringdown clients");
  engine->epoll_tag = g_source_add_unix_fd (&engine->source, set->epoll_fd, G_IO_IN);
  return engine;
}

WsEngine *
ws_engine_new (const WsEngineOptions *options,
               const WsEngineEvents *events,
               gpointer user_data,
               GError **error)
{
  g_autoptr (WsLog) log = ws_log_new (options->log_size, error);
  WsClientSet *set;
  WsTable *table;

  if (log == NULL)
    return NULL;
  table = ws_table_new (options->max_clients, error);
  if (table == NULL)
    return NULL;

  set = ws_client_set_new (g_steal_pointer (&log), table, options, error);
  return set != NULL ? engine_on (set, events, user_data) : NULL;
}

static void
set_paused (WsEngine *engine, gboolean is_paused)
{
  engine->is_paused = is_paused;
  g_source_modify_unix_fd (&engine->source, engine->epoll_tag, is_paused ? 0 : G_IO_IN);
  g_source_set_ready_time (&engine->source, is_paused ? -1 : 0);
}

WsEngine *
ws_engine_new_from (WsHandover *handover,
                    const WsEngineOptions *options,
                    const WsEngineEvents *events,
                    gpointer user_data,
                    GError **error)
{
  WsClientSet *set = ws_handover_unpack (handover, options, error);
  WsEngine *engine;

  if (set == NULL)
    return NULL;

  engine = engine_on (set, events, user_data);
  for (guint slot = 0; slot < set->table->header->count; slot++)
    ws_client_set_restore_ping (set, set->clients[slot]);
  set_paused (engine, TRUE);
  return engine;
}

void
ws_engine_free (WsEngine *engine)
{
  g_source_destroy (&engine->source);
  ws_client_set_free (engine->set);
  g_source_unref (&engine->source);
}

void
ws_engine_attach (WsEngine *engine, GMainContext *context)
{
  g_source_attach (&engine->source, context);
}

WsId
ws_engine_publish (WsEngine *engine, WsOpcode opcode, const guint8 *data, gsize size)
{
  g_assert (size <= engine->set->options.max_message && !engine->is_paused);

  ws_client_set_make_room (engine->set, size);
  g_source_set_ready_time (&engine->source, 0);
  return ws_log_append (engine->set->log, opcode, data, size, g_get_real_time () / 1000);
}

static gboolean
has_unread (const WsClient *client)
{
  guint8 byte;

  return recv (client->record->fd, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void
end_silent (WsClientSet *set, WsClient *client)
{
  ws_client_close (client, &set->context, WS_CLOSE_INTERNAL_ERROR, "ping timeout");
  ws_client_set_send (set, client);
  ws_client_set_drop (set, client);
}

/* Pings a client that sent nothing for the ping interval, or disconnects a client that sent nothing
 * for the ping timeout after a ping. If there are unread bytes, queues the client for reading
 * instead. If the socket buffer is full, neither pings nor disconnects the client, because
 * TCP_USER_TIMEOUT applies. */
static void
check_ping (WsClientSet *set, WsClient *client)
{
  if (set->now_us - client->record->heard_us < set->options.ping_interval_us
      && !client->awaits_pong)
    {
      ws_client_set_arm_ping (set, client);
      return;
    }

  ws_wheel_arm (set->wheel, &client->timer, set->now_us + set->options.ping_timeout_us);
  if (has_unread (client))
    {
      ws_client_set_read_later (set, client);
      return;
    }
  if ((client->record->flags & WS_RECORD_BLOCKED) != 0)
    return;
  if (client->awaits_pong)
    {
      end_silent (set, client);
      return;
    }

  ws_client_ping (client, &set->context);
  ws_client_set_settle (set, client);
}

static void
on_timer (WsTimer *timer, gpointer user_data)
{
  WsEngine *engine = user_data;
  WsClient *client = (gpointer) ((guint8 *) timer - G_STRUCT_OFFSET (WsClient, timer));

  if (client->state == WS_CLIENT_OPEN)
    check_ping (engine->set, client);
  else
    ws_client_set_drop (engine->set, client);
}

/* Reads once from @client, and queues @client for another read if bytes may be left. @until_end:
 * whether to queue @client even after a short read. */
static void
read_client (WsEngine *engine, WsClient *client, gboolean until_end)
{
  WsRecord *record = client->record;
  const gsize size = MIN (sizeof engine->buffer, engine->set->options.log_size / 8);
  const gssize n = TEMP_FAILURE_RETRY (recv (record->fd, engine->buffer, size, MSG_DONTWAIT));

  if (n < 0 && errno == EAGAIN)
    return;
  if (n <= 0)
    {
      ws_client_set_drop (engine->set, client);
      return;
    }

  record->received += n;
  record->heard_us = engine->set->now_us;
  engine->set->context.counters->bytes_in += n;
  if (client->awaits_pong && client->state == WS_CLIENT_OPEN)
    ws_client_set_arm_ping (engine->set, client);
  ws_client_receive (client, &engine->set->context, engine->buffer, n);
  ws_client_set_settle (engine->set, client);

  /* read again later if bytes may be left: epoll (edge-triggered) reports only new bytes */
  if ((gsize) n == size || until_end)
    ws_client_set_read_later (engine->set, client);
}

/* Returns: whether more can be read within the time and message limits of this iteration. */
static gboolean
may_read (const WsEngine *engine)
{
  const WsClientSet *set = engine->set;

  return set->log->header->head - set->flush.done < set->log->size / READ_SHARE
         && set->log->header->count - set->flush.done_count
              < set->log->header->capacity / READ_SHARE
         && g_get_monotonic_time () - set->now_us < READ_SLICE_US;
}

static void
on_event (WsEngine *engine, WsClient *client, guint32 events)
{
  gboolean until_end = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;

  if (client->is_dead)
    return;

  if ((events & EPOLLOUT) != 0 && (client->record->flags & WS_RECORD_BLOCKED) != 0)
    ws_client_set_send (engine->set, client);
  if (client->queue != NULL || ((events & EPOLLIN) == 0 && !until_end))
    return;

  if (may_read (engine))
    read_client (engine, client, until_end);
  else
    ws_client_set_read_later (engine->set, client);
}

static void
read_events (WsEngine *engine)
{
  struct epoll_event events[EVENTS_MAX];
  int n;

  do
    {
      n = epoll_wait (engine->set->epoll_fd, events, EVENTS_MAX, 0);
      for (int i = 0; i < n; i++)
        on_event (engine, events[i].data.ptr, events[i].events);
    }
  while (n == EVENTS_MAX && may_read (engine));
}

/* Reads once from each client in set->readable, and requeues clients that may have more bytes. */
static void
read_leftovers (WsEngine *engine)
{
  for (guint n = engine->set->readable.length; n > 0 && may_read (engine); n--)
    {
      WsClient *client = ws_client_set_pop (&engine->set->readable);

      if (client == NULL)
        return;
      read_client (engine, client, TRUE);
    }
}

/* Adds some restored sockets to the epoll set; a time limit avoids delays for other clients. */
static void
watch_some (WsEngine *engine)
{
  const gint64 until_us = engine->set->now_us + WATCH_SLICE_US;
  WsClient *client;

  while (g_get_monotonic_time () < until_us
         && (client = ws_client_set_pop (&engine->set->unwatched)) != NULL)
    ws_client_set_watch (engine->set, client);
}

static gboolean
dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  WsEngine *engine = (WsEngine *) source;
  WsClientSet *set = engine->set;
  gboolean has_more;

  set->now_us = g_get_monotonic_time ();
  watch_some (engine);
  if (!set->flush.is_active)
    {
      ws_wheel_advance (set->wheel, set->now_us, on_timer, engine);
      read_leftovers (engine);
      read_events (engine);
    }
  ws_client_set_flush (set);
  ws_client_set_reap (set);

  has_more = ws_client_set_is_flush_pending (set) || set->readable.length > 0
             || set->unwatched.length > 0;
  g_source_set_ready_time (source, has_more ? 0 : ws_wheel_get_next_us (set->wheel));
  return G_SOURCE_CONTINUE;
}

void
ws_engine_pause (WsEngine *engine)
{
  g_assert (!engine->is_paused && g_main_current_source () != &engine->source);

  ws_client_set_reap (engine->set);
  set_paused (engine, TRUE);
}

void
ws_engine_resume (WsEngine *engine)
{
  g_assert (engine->is_paused);

  set_paused (engine, FALSE);
}

WsHandover *
ws_engine_pack (WsEngine *engine)
{
  g_assert (engine->is_paused);

  return ws_handover_pack (engine->set);
}

void
ws_engine_close_from (WsEngine *engine, guint first)
{
  WsClientSet *set = engine->set;

  g_assert (engine->is_paused);

  ws_client_set_close_from (set, first);
  for (guint slot = first; slot < set->table->header->count; slot++)
    ws_client_send (set->clients[slot], &set->context);
}

WsClient *
ws_engine_get_client (const WsEngine *engine, guint slot)
{
  g_assert (slot < engine->set->table->header->count);

  return engine->set->clients[slot];
}

WsClient *
ws_engine_find_client (const WsEngine *engine, guint64 id)
{
  const WsClientSet *set = engine->set;

  for (guint slot = 0; slot < set->table->header->count; slot++)
    if (set->table->records[slot].id == id)
      return set->clients[slot];

  return NULL;
}

WsClient *
ws_engine_adopt (WsEngine *engine, int fd, const char *response, GError **error)
{
  WsClient *client;

  g_assert (!engine->is_paused);

  client = ws_client_set_add (engine->set, fd, error);
  if (client == NULL)
    return NULL;

  if (response != NULL)
    ws_client_respond (client, &engine->set->context, response);
  ws_client_set_settle (engine->set, client);
  g_source_set_ready_time (&engine->source, 0);
  return client;
}

gboolean
ws_engine_is_full (const WsEngine *engine)
{
  return engine->set->table->header->count >= engine->set->options.max_clients;
}

gboolean
ws_engine_has_room (const WsEngine *engine)
{
  const WsClientSet *set = engine->set;
  const guint64 middle = ws_log_get_middle (set->log);

  for (guint slot = 0; slot < set->table->header->count; slot++)
    if (ws_record_is_before (&set->table->records[slot], middle))
      return FALSE;

  return TRUE;
}

const WsEngineOptions *
ws_engine_get_options (const WsEngine *engine)
{
  return &engine->set->options;
}

void
ws_engine_close (WsEngine *engine, WsClient *client, guint16 code, const char *reason)
{
  g_assert (!engine->is_paused);

  if (!client->is_dead && client->state == WS_CLIENT_OPEN)
    {
      client->is_ours = TRUE;
      ws_client_close (client, &engine->set->context, code, reason);
    }
  ws_client_set_settle (engine->set, client);
  g_source_set_ready_time (&engine->source, 0);
}

void
ws_engine_close_all (WsEngine *engine, guint16 code, const char *reason)
{
  for (guint slot = 0; slot < engine->set->table->header->count; slot++)
    ws_engine_close (engine, engine->set->clients[slot], code, reason);
}

guint64
ws_engine_get_behind (const WsEngine *engine, const WsClient *client)
{
  if ((client->record->flags & WS_RECORD_DETACHED) != 0)
    return 0;

  return engine->set->log->header->head - client->record->cursor;
}

WsEngineStats
ws_engine_get_stats (const WsEngine *engine)
{
  return (WsEngineStats){
    .clients = engine->set->table->header->count,
    .published = engine->set->log->header->count,
    .log_used = engine->set->log->header->head - ws_log_get_tail (engine->set->log),
    .log_size = engine->set->log->size,
    .counters = engine->set->context.counters,
  };
}
