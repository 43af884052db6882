/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The engine: reads from all clients, then flushes the log to all of them, in turns short enough
 * that the rest of the main loop lives. What a client says and hears is WsClient's, what it means
 * is the callbacks'.
 *
 * A turn reads only when no flush pass is under way, and no more than a share of the log. So what
 * comes in while a pass runs waits in the sockets, the next pass carries it in one go, and what
 * clients send does not outrun what they are sent. */

#include "ws-engine.h"

#include "ws-flush.h"
#include "ws-ping.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define READ_SLICE_US    2000 /* a turn reads for so long at the most, */
#define WATCH_SLICE_US   1000 /* and takes so long for clients of another process, */
#define READ_SHARE       4    /* and so small a part of what the log can hold */
#define READ_BUFFER_SIZE (64 * 1024)
#define EVENTS_MAX       128
#define TICK_MIN_US      10000 /* of the clients' timers */
#define TICK_MAX_US      100000

typedef struct
{
  GSource source;
  WsEngine *engine; /* unowned: owns us */
} EngineSource;

struct _WsEngine
{
  WsEngineOptions options;
  const WsEngineEvents *events; /* unowned: outlives us */
  gpointer user_data;           /* unowned */
  WsRoster *roster;             /* owned */
  WsFlush flush;
  WsPing ping;
  GSource *source;    /* owned */
  gpointer epoll_tag; /* unowned: in the source */
  gboolean is_awake;  /* another turn is on its way */
  gboolean is_paused; /* there are no turns */
  gint64 now_us;      /* the time of this turn */
  guint8 buffer[READ_BUFFER_SIZE];
};

static gboolean turn (GSource *source, GSourceFunc callback, gpointer user_data);

static const GSourceFuncs source_funcs = { .dispatch = turn };

/* Asks for another turn right after what else the main loop has to do. */
static void
wake (WsEngine *engine)
{
  if (engine->is_awake)
    return;

  engine->is_awake = TRUE;
  g_source_set_ready_time (engine->source, 0);
}

static WsRosterOptions
roster_options (const WsEngineOptions *options)
{
  const gint64 tick_us = MIN (options->ping_interval_us, options->ping_timeout_us) / 16;
  const gint64 silence_us = options->ping_interval_us + options->ping_timeout_us;

  return (WsRosterOptions){ .max_message = options->max_message,
                            .max_clients = options->max_clients,
                            .tick_us = CLAMP (tick_us, TICK_MIN_US, TICK_MAX_US),
                            .patience_us = options->ping_interval_us > 0 ? silence_us : 0 };
}

/* @roster: (transfer full). */
static WsEngine *
engine_on (WsRoster *roster,
           const WsEngineOptions *options,
           const WsEngineEvents *events,
           gpointer user_data)
{
  WsEngine *engine = g_new0 (WsEngine, 1);

  g_assert (options->max_message <= options->log_size / 8);

  engine->options = *options;
  engine->events = events;
  engine->user_data = user_data;
  engine->now_us = g_get_monotonic_time ();
  engine->roster = roster;
  engine->roster->context.message = events->message;
  engine->roster->context.user_data = user_data;
  engine->flush.roster = roster;
  engine->ping = (WsPing){ .roster = roster,
                           .interval_us = options->ping_interval_us,
                           .timeout_us = options->ping_timeout_us };
  engine->source = g_source_new ((GSourceFuncs *) &source_funcs, sizeof (EngineSource));
  ((EngineSource *) engine->source)->engine = engine;
  g_source_set_static_name (engine->source, "ringdown clients");
  engine->epoll_tag = g_source_add_unix_fd (engine->source, roster->epoll_fd, G_IO_IN);
  return engine;
}

WsEngine *
ws_engine_new (const WsEngineOptions *options,
               const WsEngineEvents *events,
               gpointer user_data,
               GError **error)
{
  const WsRosterOptions for_roster = roster_options (options);
  g_autoptr (WsLog) log = ws_log_new (options->log_size, error);
  WsRoster *roster;
  WsTable *table;

  if (log == NULL)
    return NULL;
  table = ws_table_new (options->max_clients, error);
  if (table == NULL)
    return NULL;

  roster = ws_roster_new (g_steal_pointer (&log), table, &for_roster, error);
  return roster != NULL ? engine_on (roster, options, events, user_data) : NULL;
}

WsEngine *
ws_engine_new_from (WsHandover *handover,
                    const WsEngineOptions *options,
                    const WsEngineEvents *events,
                    gpointer user_data,
                    GError **error)
{
  const WsRosterOptions for_roster = roster_options (options);
  WsRoster *roster = ws_handover_unpack (handover, options->log_size, &for_roster, error);
  WsEngine *engine;

  if (roster == NULL)
    return NULL;

  engine = engine_on (roster, options, events, user_data);
  for (guint slot = 0; slot < ws_table_get_count (roster->table); slot++)
    ws_ping_go_on (&engine->ping, roster->clients[slot], engine->now_us);
  ws_engine_pause (engine);
  return engine;
}

void
ws_engine_free (WsEngine *engine)
{
  g_source_destroy (engine->source);
  g_source_unref (engine->source);
  ws_roster_free (engine->roster);
  g_free (engine);
}

void
ws_engine_attach (WsEngine *engine, GMainContext *context)
{
  g_source_attach (engine->source, context);
  if (engine->is_paused)
    ws_engine_resume (engine);
}

WsId
ws_engine_publish (WsEngine *engine, WsOpcode opcode, const guint8 *data, gsize size)
{
  g_assert (size <= engine->options.max_message && !engine->is_paused);

  ws_flush_make_room (&engine->flush, size);
  wake (engine);
  return ws_log_append (engine->roster->log, opcode, data, size, g_get_real_time () / 1000);
}

static void
on_timer (WsTimer *timer, gpointer user_data)
{
  WsEngine *engine = user_data;
  WsClient *client = (gpointer) ((guint8 *) timer - G_STRUCT_OFFSET (WsClient, timer));

  if (client->state == WS_CLIENT_OPEN)
    ws_ping_check (&engine->ping, client, engine->now_us);
  else
    ws_roster_drop (engine->roster, client);
}

/* Reads once. @until_end: the other side has hung up, so there is an end to be read. */
static void
read_client (WsEngine *engine, WsClient *client, gboolean until_end)
{
  WsRecord *record = client->record;
  const gsize size = MIN (sizeof engine->buffer, engine->options.log_size / 8);
  gssize n = recv (record->fd, engine->buffer, size, MSG_DONTWAIT);

  if (n < 0 && errno == EAGAIN)
    return;
  if (n <= 0 && !(n < 0 && errno == EINTR))
    {
      ws_roster_drop (engine->roster, client);
      return;
    }

  n = MAX (n, 0);
  record->received += n;
  record->heard_us = engine->now_us;
  engine->roster->context.counters->bytes_in += n;
  if (client->awaits_pong && client->state == WS_CLIENT_OPEN)
    ws_ping_arm (&engine->ping, client);
  ws_client_receive (client, &engine->roster->context, engine->buffer, n);
  ws_roster_settle (engine->roster, client);

  /* edge-triggered: less than was asked for means that the rest will be told of */
  if ((gsize) n == size || n == 0 || until_end)
    ws_roster_read_later (engine->roster, client);
}

/* Whether this turn may read more: neither too long, nor more than a share of the log. */
static gboolean
may_read (const WsEngine *engine)
{
  return ws_log_get_head (engine->roster->log) - engine->flush.done
           < ws_log_get_size (engine->roster->log) / READ_SHARE
         && ws_log_get_count (engine->roster->log) - engine->flush.done_count
              < ws_log_get_count_max (engine->roster->log) / READ_SHARE
         && g_get_monotonic_time () - engine->now_us < READ_SLICE_US;
}

static void
on_event (WsEngine *engine, WsClient *client, guint32 events)
{
  gboolean until_end = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;

  if (client->is_dead)
    return;

  if ((events & EPOLLOUT) != 0 && (client->record->flags & WS_RECORD_BLOCKED) != 0)
    ws_roster_send (engine->roster, client);
  if (client->queue != NULL || ((events & EPOLLIN) == 0 && !until_end))
    return;

  if (may_read (engine))
    read_client (engine, client, until_end);
  else
    ws_roster_read_later (engine->roster, client);
}

static void
read_events (WsEngine *engine)
{
  struct epoll_event events[EVENTS_MAX];
  int n;

  do
    {
      n = epoll_wait (engine->roster->epoll_fd, events, EVENTS_MAX, 0);
      for (int i = 0; i < n; i++)
        on_event (engine, events[i].data.ptr, events[i].events);
    }
  while (n == EVENTS_MAX && may_read (engine));
}

/* Goes on with those who had more to read: who is read and still has more queues up again. */
static void
read_leftovers (WsEngine *engine)
{
  for (guint n = engine->roster->readable.length; n > 0 && may_read (engine); n--)
    {
      WsClient *client = ws_roster_next (&engine->roster->readable);

      if (client == NULL)
        return;
      read_client (engine, client, TRUE);
    }
}

/* Goes on with those who came from another process. All of them at once would keep the first of
 * them, who may have much to say, from being read. */
static void
watch_some (WsEngine *engine)
{
  const gint64 until_us = engine->now_us + WATCH_SLICE_US;
  WsClient *client;

  while (g_get_monotonic_time () < until_us
         && (client = ws_roster_next (&engine->roster->unwatched)) != NULL)
    ws_roster_watch (engine->roster, client); /* which tells what there is to be read */
}

/* Tells of those who were dropped since the last turn, and frees them. Not earlier: whoever is told
 * may publish, and an append may be what found out that they are gone. */
static void
reap (WsEngine *engine)
{
  WsClient *client;

  while ((client = ws_roster_next (&engine->roster->dead)) != NULL)
    {
      engine->events->closed (client, client->close_code, engine->user_data);
      ws_flush_visit (&engine->flush, ws_roster_remove (engine->roster, client));
    }
}

static gboolean
turn (GSource *source, GSourceFunc callback, gpointer user_data)
{
  WsEngine *engine = ((EngineSource *) source)->engine;

  engine->now_us = g_get_monotonic_time ();
  engine->is_awake = TRUE;
  watch_some (engine);
  if (!engine->flush.is_active)
    {
      ws_wheel_advance (engine->roster->wheel, engine->now_us, on_timer, engine);
      read_leftovers (engine);
      read_events (engine);
    }
  ws_flush_run (&engine->flush);
  reap (engine);

  engine->is_awake = ws_flush_is_pending (&engine->flush) || engine->roster->readable.length > 0
                     || engine->roster->unwatched.length > 0;
  g_source_set_ready_time (source,
                           engine->is_awake ? 0 : ws_wheel_get_next_us (engine->roster->wheel));
  return G_SOURCE_CONTINUE;
}

void
ws_engine_pause (WsEngine *engine)
{
  g_assert (!engine->is_paused && g_main_current_source () != engine->source);

  reap (engine);
  engine->is_paused = TRUE;
  g_source_modify_unix_fd (engine->source, engine->epoll_tag, 0);
  g_source_set_ready_time (engine->source, -1);
}

void
ws_engine_resume (WsEngine *engine)
{
  g_assert (engine->is_paused);

  engine->is_paused = FALSE;
  engine->is_awake = TRUE;
  g_source_modify_unix_fd (engine->source, engine->epoll_tag, G_IO_IN);
  g_source_set_ready_time (engine->source, 0);
}

WsHandover *
ws_engine_pack (WsEngine *engine)
{
  g_assert (engine->is_paused);

  return ws_handover_pack (engine->roster);
}

void
ws_engine_leave_behind (WsEngine *engine, guint first)
{
  WsRoster *roster = engine->roster;

  g_assert (engine->is_paused);

  ws_roster_close_from (roster, first);
  for (guint slot = first; slot < ws_table_get_count (roster->table); slot++)
    ws_client_send (roster->clients[slot], &roster->context);
}

WsClient *
ws_engine_get_client (const WsEngine *engine, guint slot)
{
  g_assert (slot < ws_table_get_count (engine->roster->table));

  return engine->roster->clients[slot];
}

WsClient *
ws_engine_adopt (WsEngine *engine, int fd, GError **error)
{
  WsClient *client;

  g_assert (!engine->is_paused);

  client = ws_roster_enter (engine->roster, fd, error);
  if (client == NULL)
    return NULL;

  ws_ping_arm (&engine->ping, client);
  wake (engine);
  return client;
}

void
ws_engine_receive (WsEngine *engine, WsClient *client, guint8 *data, gsize size)
{
  g_assert (!engine->is_paused);

  client->record->received += size;
  engine->roster->context.counters->bytes_in += size;
  ws_client_receive (client, &engine->roster->context, data, size);
  ws_roster_settle (engine->roster, client);
  wake (engine);
}

gboolean
ws_engine_is_full (const WsEngine *engine, guint expected)
{
  return ws_table_get_count (engine->roster->table) + expected >= engine->options.max_clients;
}

const WsEngineOptions *
ws_engine_get_options (const WsEngine *engine)
{
  return &engine->options;
}

void
ws_engine_close (WsEngine *engine, WsClient *client, guint16 code, const char *reason)
{
  g_assert (!engine->is_paused);

  if (!client->is_dead && client->state == WS_CLIENT_OPEN)
    {
      client->is_ours = TRUE;
      ws_client_close (client, &engine->roster->context, code, reason);
    }
  ws_roster_settle (engine->roster, client);
  wake (engine);
}

void
ws_engine_close_all (WsEngine *engine, guint16 code, const char *reason)
{
  for (guint slot = 0; slot < ws_table_get_count (engine->roster->table); slot++)
    ws_engine_close (engine, engine->roster->clients[slot], code, reason);
}

guint64
ws_engine_get_behind (const WsEngine *engine, const WsClient *client)
{
  if ((client->record->flags & WS_RECORD_DETACHED) != 0)
    return 0;

  return ws_log_get_head (engine->roster->log) - client->record->cursor;
}

void
ws_engine_get_stats (const WsEngine *engine, WsEngineStats *stats)
{
  const WsCounters *counters = engine->roster->context.counters;

  *stats = (WsEngineStats){
    .clients = ws_table_get_count (engine->roster->table),
    .published = ws_log_get_count (engine->roster->log),
    .log_used = ws_log_get_head (engine->roster->log) - ws_log_get_tail (engine->roster->log),
    .log_size = ws_log_get_size (engine->roster->log),
    .flush_passes = counters->flush_passes,
    .flush_us = counters->flush_us,
    .counters = counters,
  };
}
