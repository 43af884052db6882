/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The engine: reads from all clients, then flushes the log to all of them, in turns short enough
 * that the rest of the main loop lives. It decides when: what a client says and hears is
 * WsClient's, what it means is the callbacks'.
 *
 * A turn reads only when no flush pass is under way, and no more than a share of the log. So what
 * comes in while a pass runs waits in the sockets, the next pass carries it in one go, and what
 * clients send does not outrun what they are sent. */

#include "ws-engine.h"

#include "ws-socket.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SLICE_US    2000 /* a turn reads for so long at the most, */
#define FLUSH_SLICE_US   4000 /* and flushes for so long */
#define CLOCK_EVERY      64   /* clients flushed between two looks at the clock */
#define EVENTS_MAX       128
#define READ_BUFFER_SIZE (64 * 1024)
#define TICK_MIN_US      10000 /* of the timing wheel */
#define TICK_MAX_US      100000
#define CLOSE_TIMEOUT_US (5 * G_USEC_PER_SEC)

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
  WsContext context;
  WsLog *log;            /* owned */
  WsTable *table;        /* owned */
  WsClient **clients;    /* slot of the table -> WsClient; array and clients owned */
  WsWheel *wheel;        /* owned */
  int epoll_fd;          /* owned */
  GSource *source;       /* owned */
  gboolean is_awake;     /* another turn is on its way */
  GQueue readable;       /* WsClient, unowned: have more to read */
  GQueue dead;           /* WsClient, unowned: to be freed at the end of the turn */
  gint64 now_us;         /* the time of this turn */
  gboolean is_flushing;  /* a pass is under way: */
  guint flush_slot;      /*   it comes to this slot next, */
  guint64 flush_head;    /*   and carries up to here */
  guint64 flushed;       /* all who could be written to have what is before this offset, */
  guint64 flushed_count; /*   so many messages */
  guint64 low;           /* no client on the log has a cursor below */
  guint64 flush_passes;
  gint64 flush_us;
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

WsEngine *
ws_engine_new (const WsEngineOptions *options,
               const WsEngineEvents *events,
               gpointer user_data,
               GError **error)
{
  g_autoptr (WsEngine) engine = g_new0 (WsEngine, 1);
  gint64 tick_us = MIN (options->ping_interval_us, options->ping_timeout_us) / 16;

  g_assert (options->max_message <= options->log_size / 8);

  engine->options = *options;
  engine->events = events;
  engine->user_data = user_data;
  engine->now_us = g_get_monotonic_time ();
  engine->wheel = ws_wheel_new (CLAMP (tick_us, TICK_MIN_US, TICK_MAX_US), engine->now_us);
  engine->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (engine->epoll_fd < 0)
    {
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
                   "cannot create an epoll set: %s", g_strerror (errno));
      return NULL;
    }

  engine->log = ws_log_new (options->log_size, error);
  if (engine->log == NULL)
    return NULL;
  engine->table = ws_table_new (options->max_clients, error);
  if (engine->table == NULL)
    return NULL;
  engine->clients = g_new0 (WsClient *, options->max_clients);
  engine->context = (WsContext){ .log = engine->log,
                                 .counters = ws_table_get_counters (engine->table),
                                 .max_message = options->max_message,
                                 .message = events->message,
                                 .user_data = user_data };

  engine->source = g_source_new ((GSourceFuncs *) &source_funcs, sizeof (EngineSource));
  ((EngineSource *) engine->source)->engine = engine;
  g_source_set_static_name (engine->source, "ringdown clients");
  g_source_add_unix_fd (engine->source, engine->epoll_fd, G_IO_IN);
  return g_steal_pointer (&engine);
}

void
ws_engine_free (WsEngine *engine)
{
  if (engine->source != NULL)
    {
      g_source_destroy (engine->source);
      g_source_unref (engine->source);
    }
  for (guint i = 0; engine->table != NULL && i < ws_table_get_count (engine->table); i++)
    ws_client_free (engine->clients[i]);
  g_free (engine->clients);
  g_clear_pointer (&engine->table, ws_table_free);
  g_clear_pointer (&engine->log, ws_log_free);
  ws_wheel_free (engine->wheel);
  if (engine->epoll_fd >= 0)
    close (engine->epoll_fd);
  g_free (engine);
}

void
ws_engine_attach (WsEngine *engine, GMainContext *context)
{
  g_source_attach (engine->source, context);
}

/* Ends a connection. Its memory stays until the end of the turn, as others may be looking at it,
 * and so does the news: whoever is told may publish, and an append may be what is under way here.
 */
static void
drop (WsEngine *engine, WsClient *client)
{
  WsRecord *record = client->record;

  if (client->is_dead)
    return;

  if (client->close_code == 0)
    client->close_code = WS_CLOSE_ABNORMAL;
  ws_client_count_delivered (client, &engine->context);
  engine->context.counters->closed[ws_close_slot (client->close_code)]++;
  /* by name, as closing it would not do if another process holds the socket too */
  epoll_ctl (engine->epoll_fd, EPOLL_CTL_DEL, record->fd, NULL);
  close (record->fd);
  record->fd = -1;
  record->flags = WS_RECORD_DETACHED | WS_RECORD_BLOCKED;
  ws_wheel_disarm (&client->timer);
  client->is_dead = TRUE;
  if (client->is_readable)
    g_queue_unlink (&engine->readable, &client->link);
  g_queue_push_tail_link (&engine->dead, &client->link);
  wake (engine);
}

/* Carries out what a change of @client asks for: sends control frames, ends or times the close. */
static void
settle (WsEngine *engine, WsClient *client)
{
  const WsRecordFlags waits = client->record->flags & (WS_RECORD_CONTROL | WS_RECORD_BLOCKED);

  if (client->is_dead)
    return;

  if ((waits == WS_RECORD_CONTROL && ws_client_send (client, &engine->context) == WS_SEND_FAILED)
      || client->state == WS_CLIENT_FINISHED)
    {
      drop (engine, client);
    }
  else if (client->state != WS_CLIENT_OPEN && !client->is_timed)
    {
      client->is_timed = TRUE;
      ws_wheel_arm (engine->wheel, &client->timer, g_get_monotonic_time () + CLOSE_TIMEOUT_US);
      wake (engine);
    }
}

/* Sends what waits for @client, whatever it is. */
static void
flush_client (WsEngine *engine, WsClient *client)
{
  if (ws_client_send (client, &engine->context) == WS_SEND_FAILED)
    drop (engine, client);
  else
    settle (engine, client);
}

/* Flushes, for as long as a turn may, to those clients the pass has not come to. */
static void
flush (WsEngine *engine)
{
  gint64 begin_us = g_get_monotonic_time ();
  gint64 now_us = begin_us;

  if (!engine->is_flushing)
    {
      if (engine->flushed == ws_log_get_head (engine->log))
        return;
      engine->is_flushing = TRUE;
      engine->flush_slot = 0;
      engine->flush_head = ws_log_get_head (engine->log);
      engine->flushed_count = ws_log_get_count (engine->log);
    }

  while (engine->flush_slot < ws_table_get_count (engine->table)
         && now_us - begin_us < FLUSH_SLICE_US)
    {
      guint slot = engine->flush_slot++;
      WsRecord *record = ws_table_get (engine->table, slot);

      if (record->flags == 0)
        {
          if (record->cursor < ws_log_get_head (engine->log)
              && ws_client_send_log (record, &engine->context) == WS_SEND_FAILED)
            drop (engine, engine->clients[slot]);
        }
      else if (record->flags == WS_RECORD_CONTROL)
        flush_client (engine, engine->clients[slot]);

      if (engine->flush_slot % CLOCK_EVERY == 0)
        now_us = g_get_monotonic_time ();
    }

  if (engine->flush_slot >= ws_table_get_count (engine->table))
    {
      engine->is_flushing = FALSE;
      engine->flushed = engine->flush_head;
      engine->flush_passes++;
    }
  engine->flush_us += g_get_monotonic_time () - begin_us;
}

/* Keeps an append from overwriting what anybody could still be sent: everyone behind @tail is sent
 * what the socket takes, and whoever stays behind is taken off the log. A margin keeps the next
 * such round away for a while. */
static void
make_room (WsEngine *engine, guint64 tail)
{
  guint64 head = ws_log_get_head (engine->log);
  guint64 least = MIN (tail + ws_log_get_size (engine->log) / 64, head);

  engine->low = head;
  for (guint slot = 0; slot < ws_table_get_count (engine->table); slot++)
    {
      WsRecord *record = ws_table_get (engine->table, slot);
      WsClient *client = engine->clients[slot];

      if ((record->flags & WS_RECORD_DETACHED) == 0 && record->cursor < least)
        flush_client (engine, client);
      if ((record->flags & WS_RECORD_DETACHED) == 0 && record->cursor < least)
        {
          ws_client_evict (client, &engine->context);
          flush_client (engine, client);
        }
      if ((record->flags & WS_RECORD_DETACHED) == 0)
        engine->low = MIN (engine->low, record->cursor);
    }
}

WsId
ws_engine_publish (WsEngine *engine, WsOpcode opcode, const guint8 *data, gsize size)
{
  guint64 tail;

  g_assert (size <= engine->options.max_message);

  tail = ws_log_get_tail_after (engine->log, size);
  if (tail > engine->low)
    make_room (engine, tail);

  wake (engine);
  return ws_log_append (engine->log, opcode, data, size, g_get_real_time () / 1000);
}

static void
arm_ping (WsEngine *engine, WsClient *client)
{
  client->awaits_pong = FALSE;
  if (engine->options.ping_interval_us > 0)
    ws_wheel_arm (engine->wheel, &client->timer,
                  client->record->heard_us + engine->options.ping_interval_us);
}

/* Queues @client with those who have more to read than this turn has time for. */
static void
read_later (WsEngine *engine, WsClient *client)
{
  if (client->is_readable || client->is_dead)
    return;

  client->is_readable = TRUE;
  g_queue_push_tail_link (&engine->readable, &client->link);
}

/* Whether bytes have come that nobody has had time to read. */
static gboolean
has_unread (const WsClient *client)
{
  guint8 byte;

  return recv (client->record->fd, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* The ping's time is over. */
static void
give_up (WsEngine *engine, WsClient *client)
{
  ws_client_close (client, &engine->context, WS_CLOSE_INTERNAL_ERROR, "ping timeout");
  flush_client (engine, client);
  drop (engine, client); /* nobody is there to answer */
}

/* A blocked client cannot be pinged, and need not be: TCP_USER_TIMEOUT watches over it. One whose
 * answer waits to be read is not silent: the server was held up. */
static void
check_silence (WsEngine *engine, WsClient *client)
{
  gint64 silence_us = engine->now_us - client->record->heard_us;

  if (silence_us < engine->options.ping_interval_us && !client->awaits_pong)
    {
      arm_ping (engine, client);
      return;
    }

  if (has_unread (client))
    {
      read_later (engine, client);
    }
  else if ((client->record->flags & WS_RECORD_BLOCKED) == 0)
    {
      if (client->awaits_pong)
        {
          give_up (engine, client);
          return;
        }
      client->awaits_pong = TRUE;
      ws_client_ping (client, &engine->context);
      settle (engine, client);
    }
  if (!client->is_dead)
    ws_wheel_arm (engine->wheel, &client->timer, engine->now_us + engine->options.ping_timeout_us);
}

static void
on_timer (WsTimer *timer, gpointer user_data)
{
  WsEngine *engine = user_data;
  WsClient *client = (gpointer) ((guint8 *) timer - G_STRUCT_OFFSET (WsClient, timer));

  if (client->state == WS_CLIENT_OPEN)
    check_silence (engine, client);
  else
    drop (engine, client);
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
      drop (engine, client);
      return;
    }

  n = MAX (n, 0);
  record->received += n;
  record->heard_us = engine->now_us;
  engine->context.counters->bytes_in += n;
  if (client->awaits_pong && client->state == WS_CLIENT_OPEN)
    arm_ping (engine, client);
  ws_client_receive (client, &engine->context, engine->buffer, n);
  settle (engine, client);

  /* edge-triggered: less than was asked for means that the rest will be told of */
  if ((gsize) n == size || n == 0 || until_end)
    read_later (engine, client);
}

/* Whether this turn may read more: neither too long, nor more than a share of the log. */
static gboolean
may_read (const WsEngine *engine)
{
  return ws_log_get_head (engine->log) - engine->flushed < ws_log_get_size (engine->log) / 4
         && ws_log_get_count (engine->log) - engine->flushed_count
              < ws_log_get_count_max (engine->log) / 4
         && g_get_monotonic_time () - engine->now_us < READ_SLICE_US;
}

static void
on_event (WsEngine *engine, WsClient *client, guint32 events)
{
  gboolean until_end = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;

  if (client->is_dead)
    return;

  if ((events & EPOLLOUT) != 0 && (client->record->flags & WS_RECORD_BLOCKED) != 0)
    flush_client (engine, client);
  if (client->is_dead || client->is_readable || ((events & EPOLLIN) == 0 && !until_end))
    return;

  if (may_read (engine))
    read_client (engine, client, until_end);
  else
    read_later (engine, client);
}

static void
read_events (WsEngine *engine)
{
  struct epoll_event events[EVENTS_MAX];
  int n;

  do
    {
      n = epoll_wait (engine->epoll_fd, events, EVENTS_MAX, 0);
      for (int i = 0; i < n; i++)
        on_event (engine, events[i].data.ptr, events[i].events);
    }
  while (n == EVENTS_MAX && may_read (engine));
}

/* Goes on with those who had more to read: who is read and still has more queues up again. */
static void
read_leftovers (WsEngine *engine)
{
  for (guint n = engine->readable.length; n > 0 && may_read (engine); n--)
    {
      GList *link = g_queue_pop_head_link (&engine->readable);
      WsClient *client;

      if (link == NULL)
        return;
      client = link->data;
      client->is_readable = FALSE;
      read_client (engine, client, TRUE);
    }
}

/* Tells of those who were dropped since the last turn, and frees them. */
static void
reap (WsEngine *engine)
{
  GList *link;

  while ((link = g_queue_pop_head_link (&engine->dead)) != NULL)
    {
      WsClient *client = link->data;
      WsClient *moved;
      guint slot, last;

      engine->events->closed (client, client->close_code, engine->user_data);

      slot = client->record - ws_table_get (engine->table, 0);
      last = ws_table_get_count (engine->table) - 1;
      moved = engine->clients[last];
      ws_client_free (client);
      ws_table_remove (engine->table, slot);
      if (slot == last)
        continue;

      moved->record = ws_table_get (engine->table, slot);
      engine->clients[slot] = moved;
      if (engine->is_flushing && slot < engine->flush_slot && moved->record->flags == 0)
        flush_client (engine, moved); /* the pass would miss it */
    }
}

static gboolean
turn (GSource *source, GSourceFunc callback, gpointer user_data)
{
  WsEngine *engine = ((EngineSource *) source)->engine;

  engine->now_us = g_get_monotonic_time ();
  engine->is_awake = TRUE;
  if (!engine->is_flushing)
    {
      ws_wheel_advance (engine->wheel, engine->now_us, on_timer, engine);
      read_leftovers (engine);
      read_events (engine);
    }
  flush (engine);
  reap (engine);

  engine->is_awake = engine->is_flushing || engine->readable.length > 0
                     || engine->flushed < ws_log_get_head (engine->log);
  g_source_set_ready_time (source, engine->is_awake ? 0 : ws_wheel_get_next_us (engine->wheel));
  return G_SOURCE_CONTINUE;
}

/* Gives @client, which has but a draft of a record so far, its place in the table. */
static void
enter (WsEngine *engine, WsClient *client)
{
  WsRecord *record = ws_table_add (engine->table);

  client->id = record->id;
  client->record->id = record->id;
  *record = *client->record;
  client->record = record;
  engine->clients[ws_table_get_count (engine->table) - 1] = client;
  arm_ping (engine, client);
  wake (engine);
}

WsClient *
ws_engine_adopt (WsEngine *engine, int fd, GError **error)
{
  WsRecord draft = { .fd = fd,
                     .cursor = ws_log_get_head (engine->log),
                     .next = ws_log_get_count (engine->log),
                     .connected_us = g_get_real_time (),
                     .heard_us = g_get_monotonic_time () };
  struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
  WsClient *client = ws_client_new (&draft);

  event.data.ptr = client;
  if (ws_engine_is_full (engine, 0))
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC, "no room for more than %u clients",
                 engine->options.max_clients);
  else if (epoll_ctl (engine->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
                 "cannot watch a client's socket: %s", g_strerror (errno));
  else
    {
      ws_socket_read_peer (&draft);
      ws_socket_tune (fd, engine->options.ping_interval_us > 0
                            ? engine->options.ping_interval_us + engine->options.ping_timeout_us
                            : 0);
      enter (engine, client);
      return client;
    }

  ws_client_free (client);
  return NULL;
}

void
ws_engine_receive (WsEngine *engine, WsClient *client, guint8 *data, gsize size)
{
  client->record->received += size;
  engine->context.counters->bytes_in += size;
  ws_client_receive (client, &engine->context, data, size);
  settle (engine, client);
}

gboolean
ws_engine_is_full (const WsEngine *engine, guint expected)
{
  return ws_table_get_count (engine->table) + expected >= engine->options.max_clients;
}

const WsEngineOptions *
ws_engine_get_options (const WsEngine *engine)
{
  return &engine->options;
}

void
ws_engine_close (WsEngine *engine, WsClient *client, guint16 code, const char *reason)
{
  if (!client->is_dead)
    ws_client_close (client, &engine->context, code, reason);
  settle (engine, client);
}

void
ws_engine_close_all (WsEngine *engine, guint16 code, const char *reason)
{
  for (guint slot = 0; slot < ws_table_get_count (engine->table); slot++)
    ws_engine_close (engine, engine->clients[slot], code, reason);
}

guint64
ws_engine_get_behind (const WsEngine *engine, const WsClient *client)
{
  if ((client->record->flags & WS_RECORD_DETACHED) != 0)
    return 0;

  return ws_log_get_head (engine->log) - client->record->cursor;
}

void
ws_engine_get_stats (const WsEngine *engine, WsEngineStats *stats)
{
  *stats = (WsEngineStats){
    .clients = ws_table_get_count (engine->table),
    .published = ws_log_get_count (engine->log),
    .log_used = ws_log_get_head (engine->log) - ws_log_get_tail (engine->log),
    .log_size = ws_log_get_size (engine->log),
    .flush_passes = engine->flush_passes,
    .flush_us = engine->flush_us,
    .counters = engine->context.counters,
  };
}
