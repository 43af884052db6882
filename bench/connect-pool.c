/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Connections in one epoll set, in a ring in the order of their start: opens them at a rate or a
 * limited number at a time, and counts how they end. */

#include "connect-pool.h"

#include <errno.h>
#include <gio/gio.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum
{
  EVENTS = 512,
  HEAD_MAX = 4096,     /* bytes of an answer */
  OTHER_FILES = 32,    /* descriptors for uses other than connections */
  OPEN_MAX = 1 << 20,  /* connections */
  TICK_US = 50 * 1000, /* longest wait for events */
};

typedef enum
{
  STATE_FREE,
  STATE_CONNECTING,
  STATE_WAITING, /* for an answer, or for the end if it is silent */
  STATE_OPEN,
} State;

typedef struct
{
  int fd;        /* owned, except in STATE_FREE */
  gint64 due_us; /* CLOCK_MONOTONIC: its start; at a rate: the time at which it was due */
  guint8 state;  /* a State */
} Connection;

typedef struct
{
  const LoadTarget *target;      /* unowned */
  const ConnectOptions *options; /* unowned */
  ConnectResult *result;         /* owned by the caller */
  int epoll_fd;                  /* owned */
  Connection *ring;              /* owned: connection n is at n % size */
  guint size;
  guint waiting; /* connections in STATE_CONNECTING or STATE_WAITING */
  guint oldest;  /* connections before this one have passed their timeout */
  gint64 begin_us;
} Pool;

static void
close_connection (Pool *pool, Connection *connection)
{
  if (connection->state != STATE_OPEN)
    pool->waiting--;
  connection->state = STATE_FREE;
  close (connection->fd);
}

/* Counts @failure in @count, or as a reset, and closes @connection. */
static void
fail (Pool *pool, Connection *connection, int failure)
{
  if (failure == ECONNRESET || failure == EPIPE)
    pool->result->reset++;
  else if (pool->result->failed++ == 0)
    g_set_error_literal (&pool->result->error, G_IO_ERROR, g_io_error_from_errno (failure),
                         g_strerror (failure));
  close_connection (pool, connection);
}

/* Discards all data of an open connection, and notices its end. */
static void
discard (Pool *pool, Connection *connection)
{
  char data[HEAD_MAX];
  gssize n;

  while ((n = recv (connection->fd, data, sizeof data, 0)) > 0)
    continue;
  if (n < 0 && errno == EAGAIN)
    return;
  pool->result->lost++;
  close_connection (pool, connection);
}

static void
refuse (Pool *pool, Connection *connection, const char *head)
{
  GHashTable *refused = pool->result->refused;
  guint status = 0;
  guint count;

  if (sscanf (head, "HTTP/1.%*1u %3u", &status) != 1 || status == 101)
    status = 0;
  count = GPOINTER_TO_UINT (g_hash_table_lookup (refused, GUINT_TO_POINTER (status)));
  g_hash_table_insert (refused, GUINT_TO_POINTER (status), GUINT_TO_POINTER (count + 1));
  close_connection (pool, connection);
}

static void
finish_handshake (Pool *pool, Connection *connection, gsize head_size)
{
  gint64 time_us = g_get_monotonic_time () - connection->due_us;
  char head[HEAD_MAX];

  g_array_append_val (pool->result->times_us, time_us);
  pool->result->opened++;
  pool->waiting--;
  connection->state = STATE_OPEN;
  if (pool->options->leave)
    return close_connection (pool, connection);
  if (recv (connection->fd, head, head_size, 0) > 0)
    discard (pool, connection);
}

/* Reads the answer if it is complete. Until then it stays in the socket. */
static void
read_answer (Pool *pool, Connection *connection, guint32 events)
{
  char head[HEAD_MAX + 1];
  gssize n = recv (connection->fd, head, HEAD_MAX, MSG_PEEK);
  char *end;

  if (n < 0 && errno == EAGAIN)
    return;
  if (n < 0)
    return fail (pool, connection, errno);
  head[n] = '\0';
  end = strstr (head, "\r\n\r\n");
  if (n == 0 || (end == NULL && events & EPOLLRDHUP))
    {
      pool->result->closed++;
      return close_connection (pool, connection);
    }
  if (end == NULL && n < HEAD_MAX)
    return;
  if (end != NULL)
    *end = '\0';
  if (load_target_check_answer (pool->target, head, NULL))
    finish_handshake (pool, connection, end + 4 - head);
  else
    refuse (pool, connection, head);
}

/* Handles the end of connect(). Returns FALSE if @connection is closed. */
static gboolean
finish_connect (Pool *pool, Connection *connection)
{
  const char *request = load_target_get_request (pool->target);
  int failure = 0;
  socklen_t size = sizeof failure;

  getsockopt (connection->fd, SOL_SOCKET, SO_ERROR, &failure, &size);
  if (failure == 0 && !pool->options->silent
      && send (connection->fd, request, strlen (request), MSG_NOSIGNAL) < 0)
    failure = errno;
  connection->state = STATE_WAITING;
  if (failure == 0)
    return TRUE;
  fail (pool, connection, failure);
  return FALSE;
}

static void
handle_event (Pool *pool, Connection *connection, guint32 events)
{
  if (connection->state == STATE_FREE)
    return;
  if (connection->state == STATE_OPEN)
    return discard (pool, connection);
  if (connection->state == STATE_CONNECTING && !finish_connect (pool, connection))
    return;
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
    read_answer (pool, connection, events);
}

static void
start_connection (Pool *pool, gint64 due_us)
{
  Connection *connection = &pool->ring[pool->result->started++ % pool->size];
  struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                               .data.ptr = connection };
  g_autoptr (GError) error = NULL;

  if (connection->state != STATE_FREE)
    {
      pool->result->recycled++;
      close_connection (pool, connection);
    }
  connection->fd = load_target_connect (pool->target, pool->result->started, &error);
  if (connection->fd < 0)
    {
      if (pool->result->failed++ == 0)
        pool->result->error = g_steal_pointer (&error);
      return;
    }
  pool->waiting++;
  connection->state = STATE_CONNECTING;
  connection->due_us = due_us;
  epoll_ctl (pool->epoll_fd, EPOLL_CTL_ADD, connection->fd, &event);
}

/* Returns the time at which the next connection is due, G_MAXINT64 if there is none. */
static gint64
get_next_us (const Pool *pool, gint64 now_us)
{
  const ConnectOptions *options = pool->options;
  const guint started = pool->result->started;
  gint64 due_us = options->rate > 0 ? pool->begin_us + (gint64) (started / options->rate * 1e6)
                                    : now_us;

  if (options->n_connections > 0 && started >= options->n_connections)
    return G_MAXINT64;
  if (options->duration_us > 0 && due_us >= pool->begin_us + options->duration_us)
    return G_MAXINT64;
  return due_us;
}

/* Starts all connections that are due. Returns the time at which the next one is, see
 * get_next_us(). */
static gint64
start_due (Pool *pool)
{
  gint64 now_us = g_get_monotonic_time ();
  gint64 due_us;

  while ((due_us = get_next_us (pool, now_us)) <= now_us)
    {
      if (pool->options->rate == 0 && pool->waiting >= pool->options->at_once)
        return now_us + TICK_US;
      start_connection (pool, due_us);
      now_us = g_get_monotonic_time ();
      pool->result->start_s = (now_us - pool->begin_us) / 1e6;
    }
  return due_us;
}

static void
end_timed_out (Pool *pool)
{
  gint64 limit_us = g_get_monotonic_time () - pool->options->timeout_us;

  if (pool->result->started > pool->size)
    pool->oldest = MAX (pool->oldest, pool->result->started - pool->size);
  for (; pool->oldest < pool->result->started; pool->oldest++)
    {
      Connection *connection = &pool->ring[pool->oldest % pool->size];

      if (connection->state == STATE_FREE || connection->state == STATE_OPEN)
        continue;
      if (connection->due_us > limit_us)
        return;
      pool->result->timed_out++;
      close_connection (pool, connection);
    }
}

static void
iterate (Pool *pool, gint64 deadline_us)
{
  gint64 wait_us = CLAMP (deadline_us - g_get_monotonic_time (), 0, TICK_US);
  struct timespec wait = { .tv_nsec = wait_us * 1000 };
  struct epoll_event events[EVENTS];
  int n = epoll_pwait2 (pool->epoll_fd, events, EVENTS, &wait, NULL);

  for (int i = 0; i < n; i++)
    handle_event (pool, events[i].data.ptr, events[i].events);
}

/* Raises the limit of descriptors. Returns the number of connections that may be open. */
static guint
raise_descriptor_limit (void)
{
  struct rlimit limit = { 0 };

  getrlimit (RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
  return MIN (limit.rlim_cur, OPEN_MAX) - OTHER_FILES;
}

ConnectResult *
connect_pool_run (const LoadTarget *target, const ConnectOptions *options, GError **error)
{
  Pool pool = { .target = target, .options = options, .size = raise_descriptor_limit () };
  gint64 next_us;

  if (options->n_connections > pool.size && !options->leave && !options->silent)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES,
                   "%u descriptors are needed, but only %u allowed; raise `ulimit -Hn`",
                   options->n_connections + OTHER_FILES, pool.size + OTHER_FILES);
      return NULL;
    }
  pool.result = g_new0 (ConnectResult, 1);
  pool.result->refused = g_hash_table_new (NULL, NULL);
  pool.result->times_us = g_array_new (FALSE, FALSE, sizeof (gint64));
  pool.epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  pool.ring = g_new0 (Connection, pool.size);
  pool.begin_us = g_get_monotonic_time ();
  while ((next_us = start_due (&pool)) < G_MAXINT64 || pool.waiting > 0)
    {
      iterate (&pool, next_us);
      end_timed_out (&pool);
    }
  pool.result->end_s = (g_get_monotonic_time () - pool.begin_us) / 1e6;
  for (guint i = 0; i < pool.size; i++)
    if (pool.ring[i].state != STATE_FREE)
      close_connection (&pool, &pool.ring[i]);
  close (pool.epoll_fd);
  g_free (pool.ring);
  return pool.result;
}

void
connect_result_free (ConnectResult *result)
{
  g_hash_table_unref (result->refused);
  g_array_unref (result->times_us);
  g_clear_error (&result->error);
  g_free (result);
}
