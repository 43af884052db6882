/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* All client connections, in one epoll set: connects them, dispatches events, closes them, and
 * counts the close codes. Input is always read at once, so that the server never waits for a slow
 * reader. */

#include "load-swarm.h"

#include <errno.h>
#include <gio/gio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum
{
  EVENTS = 512,
  CONNECTING_MAX = 256, /* connections in progress: well below any backlog */
};

struct _LoadSwarm
{
  LoadReader reader;
  int epoll_fd;        /* owned */
  LoadClient *clients; /* owned */
  guint size;
  guint n_started; /* the first clients, connecting or connected */
  guint n_settled; /* started clients that have completed the handshake */
  guint n_open;
  LoadEndings endings;
  GError *error; /* owned, nullable: of the first client that could not connect */
  void (*echoed) (gpointer user_data, LoadClient *client, guint n); /* nullable */
  gpointer user_data;
};

static gboolean
raise_descriptor_limit (guint needed, GError **error)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) == 0)
    {
      limit.rlim_cur = limit.rlim_max;
      setrlimit (RLIMIT_NOFILE, &limit);
    }
  if (limit.rlim_max >= needed)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES,
               "%u descriptors are needed, but only %lu allowed; raise `ulimit -Hn`", needed,
               (gulong) limit.rlim_max);
  return FALSE;
}

LoadSwarm *
load_swarm_new (guint size, const LoadTarget *target, GError **error)
{
  LoadSwarm *swarm;

  if (!raise_descriptor_limit (size + 16, error))
    return NULL;
  swarm = g_new0 (LoadSwarm, 1);
  swarm->reader.input = g_malloc (LOAD_INPUT_SIZE);
  swarm->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  swarm->clients = g_new0 (LoadClient, size);
  swarm->size = size;
  swarm->endings.disconnects = g_hash_table_new (NULL, NULL);
  swarm->endings.closes = g_hash_table_new (NULL, NULL);
  for (guint i = 0; i < size; i++)
    swarm->clients[i] = (LoadClient){ .fd = -1, .target = target, .index = i, .sender = -1 };
  return swarm;
}

void
load_swarm_free (LoadSwarm *swarm)
{
  for (guint i = 0; i < swarm->size; i++)
    load_client_reset (&swarm->clients[i]);
  close (swarm->epoll_fd);
  g_free (swarm->clients);
  g_free (swarm->reader.input);
  g_hash_table_unref (swarm->endings.disconnects);
  g_hash_table_unref (swarm->endings.closes);
  g_clear_error (&swarm->error);
  g_free (swarm);
}

void
load_swarm_set_target (LoadSwarm *swarm, guint first, const LoadTarget *target)
{
  for (guint i = first; i < swarm->size; i++)
    swarm->clients[i].target = target;
}

void
load_swarm_set_traffic (LoadSwarm *swarm,
                        LoadStats *stats,
                        void (*echoed) (gpointer user_data, LoadClient *client, guint n),
                        gpointer user_data)
{
  swarm->reader.stats = stats;
  swarm->echoed = echoed;
  swarm->user_data = user_data;
}

LoadClient *
load_swarm_get_client (LoadSwarm *swarm, guint index)
{
  return &swarm->clients[index];
}

guint
load_swarm_count_open (const LoadSwarm *swarm)
{
  return swarm->n_open;
}

const LoadEndings *
load_swarm_get_endings (const LoadSwarm *swarm)
{
  return &swarm->endings;
}

/* Keeps @error (transfer full) if it is the first; later ones mostly have the same cause. */
static void
fail (LoadSwarm *swarm, const LoadClient *client, GError *error)
{
  if (swarm->error != NULL)
    return g_error_free (error);
  swarm->error = error;
  g_prefix_error (&swarm->error, "Client %u of %u cannot connect to %s: ", client->index + 1,
                  swarm->size, load_target_get_url (client->target));
}

static void
start_client (LoadSwarm *swarm, LoadClient *client)
{
  g_autoptr (GError) error = NULL;
  struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                               .data.ptr = client };

  swarm->n_started++;
  if (!load_client_connect (client, &error))
    return fail (swarm, client, g_steal_pointer (&error));
  epoll_ctl (swarm->epoll_fd, EPOLL_CTL_ADD, client->fd, &event);
}

static void
count_code (GHashTable *codes, guint16 code)
{
  gpointer key = GUINT_TO_POINTER (code);

  g_hash_table_insert (codes, key,
                       GUINT_TO_POINTER (GPOINTER_TO_UINT (g_hash_table_lookup (codes, key)) + 1));
}

static void
handle_gone (LoadSwarm *swarm, LoadClient *client)
{
  gboolean ours = client->state == LOAD_CLIENT_CLOSING;

  count_code (ours ? swarm->endings.closes : swarm->endings.disconnects, client->close_code);
  if (swarm->reader.stats != NULL)
    load_stats_note_gone (swarm->reader.stats, client->index);
  swarm->n_open--;
  load_client_reset (client);
}

static void
handle_event (LoadSwarm *swarm, LoadClient *client, guint events)
{
  g_autoptr (GError) error = NULL;

  if (client->state == LOAD_CLIENT_IDLE)
    return;
  switch (load_client_handle (client, &swarm->reader, events, &error))
    {
    case LOAD_EVENT_NONE:
      break;
    case LOAD_EVENT_OPENED:
      swarm->n_settled++;
      swarm->n_open++;
      break;
    case LOAD_EVENT_FAILED:
      load_client_reset (client);
      fail (swarm, client, g_steal_pointer (&error));
      return;
    case LOAD_EVENT_GONE:
      handle_gone (swarm, client);
      return;
    }
  if (client->n_echoed > 0 && swarm->echoed != NULL)
    swarm->echoed (swarm->user_data, client, client->n_echoed);
  client->n_echoed = 0;
}

void
load_swarm_iterate (LoadSwarm *swarm, gint64 deadline_us)
{
  gint64 wait_us = MAX (0, deadline_us - g_get_monotonic_time ());
  struct timespec wait = { .tv_sec = wait_us / G_USEC_PER_SEC,
                           .tv_nsec = wait_us % G_USEC_PER_SEC * 1000 };
  struct epoll_event events[EVENTS];
  int n = epoll_pwait2 (swarm->epoll_fd, events, EVENTS, &wait, NULL);

  for (int i = 0; i < n; i++)
    handle_event (swarm, events[i].data.ptr, events[i].events);
}

void
load_swarm_run (LoadSwarm *swarm, gint64 deadline_us)
{
  while (g_get_monotonic_time () < deadline_us)
    load_swarm_iterate (swarm, deadline_us);
}

gboolean
load_swarm_connect (LoadSwarm *swarm, guint count, GError **error)
{
  gint64 deadline_us = g_get_monotonic_time () + LOAD_TIMEOUT_US;

  while (swarm->n_settled < count)
    {
      guint settled = swarm->n_settled;

      while (swarm->n_started < count && swarm->n_started - settled < CONNECTING_MAX
             && swarm->error == NULL)
        start_client (swarm, &swarm->clients[swarm->n_started]);
      if (swarm->error == NULL)
        load_swarm_iterate (swarm, deadline_us);
      if (swarm->error != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&swarm->error));
          return FALSE;
        }
      if (swarm->n_settled > settled)
        deadline_us = g_get_monotonic_time () + LOAD_TIMEOUT_US;
      else if (g_get_monotonic_time () >= deadline_us)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                       "%s: only %u of %u clients have connected, and no other within 10 s",
                       load_target_get_url (swarm->clients[swarm->n_settled].target),
                       swarm->n_settled, count);
          return FALSE;
        }
    }
  return TRUE;
}

void
load_swarm_close (LoadSwarm *swarm)
{
  gint64 deadline_us = g_get_monotonic_time () + LOAD_TIMEOUT_US;

  for (guint i = 0; i < swarm->n_started; i++)
    if (swarm->clients[i].state == LOAD_CLIENT_OPEN)
      load_client_close (&swarm->clients[i]);
  while (swarm->n_open > 0 && g_get_monotonic_time () < deadline_us)
    load_swarm_iterate (swarm, deadline_us);
  swarm->endings.unanswered += swarm->n_open;
  for (guint i = 0; i < swarm->n_started; i++)
    load_client_reset (&swarm->clients[i]);
  swarm->n_started = swarm->n_settled = swarm->n_open = 0;
}
