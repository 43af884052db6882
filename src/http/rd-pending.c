/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Waits for the requests of accepted connections. Looks at the input with MSG_PEEK, so that the
 * module that answers a request can read the whole input from the socket. */

#include "rd-pending.h"

#include "ws-wheel.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_US     (100 * G_TIME_SPAN_MILLISECOND)
#define EVENTS_MAX  128           /* maximum number of events per main loop iteration */
#define DISCARD_MAX (1024 * 1024) /* maximum number of bytes that are read after an answer */
#define SERVED_MAX  64 /* maximum number of served connections; GLib polls each of them */

/* Maximum number of looks at an incomplete request head. A head of 8 KiB has 16 pieces if each has
 * the smallest size that IPv4 networks must transmit (RFC 9293 §3.7.1). */
#define LOOKS_MAX 64

typedef struct
{
  GSource source;
  RdPending *pending; /* unowned: the set owns the source */
} PendingSource;

typedef struct
{
  RdPending *pending;            /* unowned */
  GList link;                    /* in the queue of the state */
  WsTimer timer;                 /* end of the lifetime */
  GSocketConnection *connection; /* unowned, weak reference; only if served */
  int fd;                        /* owned, unless served */
  guint8 state;                  /* RdPendingState */
  guint8 looks;
  guint discarded;     /* bytes read after the answer */
  gboolean is_watched; /* the socket is in the epoll set */
} Entry;

struct _RdPending
{
  GSource *source; /* owned */
  int epoll_fd;    /* owned; the data of each event is the Entry */
  WsWheel *wheel;  /* owned */
  gint64 lifetime_us;
  GQueue queues[RD_PENDING_N];   /* Entry, owned: the connections of each state, oldest first */
  const RdPendingEvents *events; /* unowned: outlives us */
  gpointer user_data;            /* unowned */
  char buffer[RD_PENDING_HEAD_MAX + 1];
};

static void on_disposed (gpointer user_data, GObject *connection);

static void
set_state (Entry *entry, RdPendingState state)
{
  GQueue *queues = entry->pending->queues;

  if (entry->state == state)
    return;

  g_queue_unlink (&queues[entry->state], &entry->link);
  entry->state = state;
  g_queue_push_tail_link (&queues[state], &entry->link);
}

static void
unwatch (Entry *entry)
{
  if (entry->is_watched)
    epoll_ctl (entry->pending->epoll_fd, EPOLL_CTL_DEL, entry->fd, NULL);
  entry->is_watched = FALSE;
}

/* Removes @entry from the set and frees it, without closing the socket. */
static void
forget (Entry *entry)
{
  unwatch (entry);
  if (entry->connection != NULL)
    g_object_weak_unref (G_OBJECT (entry->connection), on_disposed, entry);
  ws_wheel_disarm (&entry->timer);
  g_queue_unlink (&entry->pending->queues[entry->state], &entry->link);
  g_free (entry);
}

/* Closes the connection of @entry and frees @entry. */
static void
drop (Entry *entry)
{
  unwatch (entry); /* close() does not, if a child process has a copy of the socket */
  if (entry->connection != NULL)
    /* libsoup then reads EOF and drops its reference to the connection */
    g_socket_shutdown (g_socket_connection_get_socket (entry->connection), TRUE, TRUE, NULL);
  else
    close (entry->fd);
  forget (entry);
}

static void
on_disposed (gpointer user_data, GObject *connection)
{
  Entry *entry = user_data;

  entry->connection = NULL;
  g_source_set_ready_time (entry->pending->source, 0); /* serve the next held connection */
  forget (entry);
}

static void
watch (Entry *entry)
{
  struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = entry };

  if (!entry->is_watched)
    entry->is_watched = epoll_ctl (entry->pending->epoll_fd, EPOLL_CTL_ADD, entry->fd, &event) == 0;
  if (!entry->is_watched)
    drop (entry);
}

/* Reads and discards input. A close() with unread input would make the kernel reset the connection,
 * and the client could lose the answer (RFC 9112 §9.6). */
static void
discard (Entry *entry)
{
  RdPending *pending = entry->pending;
  gssize n;

  do
    {
      n = recv (entry->fd, pending->buffer, sizeof pending->buffer, MSG_DONTWAIT);
      entry->discarded += MAX (n, 0);
    }
  while (n > 0 && entry->discarded < DISCARD_MAX);

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    watch (entry);
  else
    drop (entry);
}

/* Has the request of @entry served, or holds it if too many are served already. */
static void
serve (Entry *entry)
{
  RdPending *pending = entry->pending;
  g_autoptr (GSocketConnection) connection = NULL;
  g_autoptr (GSocket) socket = NULL;

  if (pending->queues[RD_PENDING_SERVED].length >= SERVED_MAX)
    {
      set_state (entry, RD_PENDING_HELD);
      return;
    }

  socket = g_socket_new_from_fd (entry->fd, NULL);
  if (socket == NULL) /* the connection was reset */
    {
      drop (entry);
      return;
    }

  unwatch (entry);
  connection = g_socket_connection_factory_create_connection (socket);
  entry->connection = connection;
  g_object_weak_ref (G_OBJECT (connection), on_disposed, entry);
  set_state (entry, RD_PENDING_SERVED);
  pending->events->serve (connection, pending->user_data);
}

/* Moves @entry to @state, the result of RdPendingEvents.look(). */
static void
settle (Entry *entry, RdPendingState state)
{
  switch (state)
    {
    case RD_PENDING_WAITING:
      watch (entry);
      break;
    case RD_PENDING_ANSWERED:
      set_state (entry, state);
      shutdown (entry->fd, SHUT_WR);
      discard (entry);
      break;
    case RD_PENDING_SERVED:
    case RD_PENDING_HELD:
      serve (entry);
      break;
    case RD_PENDING_TAKEN:
      forget (entry);
      break;
    }
}

/* Presents the input of @entry. @has_ended: whether the client will send nothing more. */
static void
look (Entry *entry, gboolean has_ended)
{
  RdPending *pending = entry->pending;
  gssize n = recv (entry->fd, pending->buffer, sizeof pending->buffer, MSG_PEEK | MSG_DONTWAIT);
  RdPendingState state;
  gboolean is_last;

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    {
      watch (entry);
      return;
    }
  if (n <= 0)
    {
      drop (entry);
      return;
    }

  is_last = has_ended || n > RD_PENDING_HEAD_MAX || ++entry->looks >= LOOKS_MAX;
  state = pending->events->look (entry->fd, pending->buffer, n, is_last, pending->user_data);
  if (state == RD_PENDING_WAITING && is_last)
    drop (entry);
  else
    settle (entry, state);
}

static void
on_event (Entry *entry, guint32 events)
{
  const gboolean has_ended = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;

  if (entry->state == RD_PENDING_WAITING)
    look (entry, has_ended);
  else if (entry->state == RD_PENDING_ANSWERED)
    discard (entry);
}

static void
on_timer (WsTimer *timer, gpointer user_data)
{
  RdPending *pending = user_data;
  Entry *entry = (gpointer) ((guint8 *) timer - G_STRUCT_OFFSET (Entry, timer));

  if (entry->state != RD_PENDING_ANSWERED)
    pending->events->timed_out (entry->connection == NULL ? entry->fd : -1, pending->user_data);
  drop (entry);
}

static void
serve_held (RdPending *pending)
{
  Entry *entry;

  while (pending->queues[RD_PENDING_SERVED].length < SERVED_MAX
         && (entry = g_queue_peek_head (&pending->queues[RD_PENDING_HELD])) != NULL)
    serve (entry);
}

static gboolean
dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  RdPending *pending = ((PendingSource *) source)->pending;
  struct epoll_event events[EVENTS_MAX];
  int n;

  ws_wheel_advance (pending->wheel, g_get_monotonic_time (), on_timer, pending);
  serve_held (pending);
  n = epoll_wait (pending->epoll_fd, events, EVENTS_MAX, 0);
  for (int i = 0; i < n; i++)
    on_event (events[i].data.ptr, events[i].events);

  g_source_set_ready_time (source, ws_wheel_get_next_us (pending->wheel));
  return G_SOURCE_CONTINUE;
}

static const GSourceFuncs source_funcs = { .dispatch = dispatch };

RdPending *
rd_pending_new (gint64 lifetime_us,
                const RdPendingEvents *events,
                gpointer user_data,
                GError **error)
{
  const int epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  RdPending *pending;

  if (epoll_fd < 0)
    {
      g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
                   "cannot create an epoll set: %s", g_strerror (errno));
      return NULL;
    }

  pending = g_new0 (RdPending, 1);
  pending->epoll_fd = epoll_fd;
  pending->wheel = ws_wheel_new (TICK_US, g_get_monotonic_time ());
  pending->lifetime_us = lifetime_us;
  pending->events = events;
  pending->user_data = user_data;
  pending->source = g_source_new ((GSourceFuncs *) &source_funcs, sizeof (PendingSource));
  ((PendingSource *) pending->source)->pending = pending;
  g_source_set_static_name (pending->source, "ringdown pending");
  g_source_add_unix_fd (pending->source, epoll_fd, G_IO_IN);
  g_source_attach (pending->source, NULL);
  return pending;
}

void
rd_pending_free (RdPending *pending)
{
  Entry *entry;

  while ((entry = g_queue_peek_head (&pending->queues[RD_PENDING_SERVED])) != NULL)
    forget (entry);
  for (guint state = 0; state < RD_PENDING_N; state++)
    while ((entry = g_queue_peek_head (&pending->queues[state])) != NULL)
      drop (entry);

  g_source_destroy (pending->source);
  g_source_unref (pending->source);
  close (pending->epoll_fd);
  g_free (pending->wheel);
  g_free (pending);
}

void
rd_pending_add (RdPending *pending, int fd)
{
  const gint64 deadline_us = g_get_monotonic_time () + pending->lifetime_us;
  Entry *entry = g_new0 (Entry, 1);

  entry->pending = pending;
  entry->link.data = entry;
  entry->fd = fd;
  g_queue_push_tail_link (&pending->queues[RD_PENDING_WAITING], &entry->link);
  ws_wheel_arm (pending->wheel, &entry->timer, deadline_us);
  if (g_source_get_ready_time (pending->source) < 0)
    g_source_set_ready_time (pending->source, ws_wheel_get_next_us (pending->wheel));
  look (entry, FALSE);
}

gboolean
rd_pending_close_oldest (RdPending *pending, RdPendingState state)
{
  Entry *entry = g_queue_peek_head (&pending->queues[state]);

  if (entry == NULL)
    return FALSE;

  drop (entry);
  return TRUE;
}

static void
close_fd (gpointer fd)
{
  close (*(int *) fd);
}

GArray *
rd_pending_steal_waiting (RdPending *pending)
{
  GArray *fds = g_array_new (FALSE, FALSE, sizeof (int));
  Entry *entry;

  g_array_set_clear_func (fds, close_fd);
  while ((entry = g_queue_peek_head (&pending->queues[RD_PENDING_WAITING])) != NULL)
    {
      g_array_append_val (fds, entry->fd);
      forget (entry);
    }

  return fds;
}

guint
rd_pending_count (const RdPending *pending, RdPendingState state)
{
  return pending->queues[state].length;
}
