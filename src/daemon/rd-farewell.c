/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The last moments, when all clients have left: what is still under way then, answers to late
 * handshakes and messages for Redis, is waited for, but not for long. What does not get there is
 * said. Whose end it is knows others. */

#include "rd-farewell.h"

#include <glib/gi18n.h>
#include <inttypes.h>

#define LAST_ANSWERS_US  (50 * G_TIME_SPAN_MILLISECOND)
#define LAST_MESSAGES_US G_TIME_SPAN_SECOND
#define POLL_MS          5

struct _RdFarewell
{
  RdParts *parts;  /* unowned */
  gint64 since_us; /* monotonic */
  guint timer_id;
  void (*func) (gpointer user_data);
  gpointer user_data;
};

/* A handshake under way is still told that it came too late. */
static gboolean
is_answering (RdFarewell *self, gint64 passed_us)
{
  return passed_us < LAST_ANSWERS_US && self->parts->server != NULL
         && rd_http_port_get_connections (rd_server_get_port (self->parts->server)) > 0;
}

/* The last messages are for the clients of other workers, and follow what was missed. */
static gboolean
is_sending (RdFarewell *self, gint64 passed_us)
{
  RdBusStats stats;

  if (self->parts->redis == NULL || passed_us >= LAST_MESSAGES_US)
    return FALSE;

  rd_bus_get_stats (self->parts->bus, &stats);
  return rd_redis_is_up (self->parts->redis)
         && (stats.pending > 0 || !rd_redis_is_idle (self->parts->redis));
}

static void
tell_unsent (RdFarewell *self)
{
  RdBusStats stats;

  rd_bus_get_stats (self->parts->bus, &stats);
  if (stats.pending > 0)
    g_warning (ngettext ("%" PRIu64 " message did not get to Redis before the end: the clients of "
                         "other workers miss it",
                         "%" PRIu64 " messages did not get to Redis before the end: the clients of "
                         "other workers miss them",
                         stats.pending),
               stats.pending);
}

static gboolean
on_poll (gpointer user_data)
{
  RdFarewell *self = user_data;
  const gint64 passed_us = g_get_monotonic_time () - self->since_us;

  if (is_answering (self, passed_us) || is_sending (self, passed_us))
    return G_SOURCE_CONTINUE;

  tell_unsent (self);
  self->timer_id = 0;
  self->func (self->user_data); /* last: it may free us */
  return G_SOURCE_REMOVE;
}

static void
on_drain_state (RdFarewell *self)
{
  if (!rd_drain_is_drained (self->parts->drain) || self->timer_id > 0)
    return;

  self->since_us = g_get_monotonic_time ();
  if (self->parts->registry != NULL)
    rd_redis_nodes_leave (self->parts->registry);
  if (on_poll (self) == G_SOURCE_CONTINUE)
    self->timer_id = g_timeout_add (POLL_MS, on_poll, self);
}

RdFarewell *
rd_farewell_new (RdParts *parts, void (*func) (gpointer user_data), gpointer user_data)
{
  RdFarewell *self = g_new0 (RdFarewell, 1);

  self->parts = parts;
  self->func = func;
  self->user_data = user_data;
  g_signal_connect_swapped (parts->drain, "notify::state", G_CALLBACK (on_drain_state), self);
  return self;
}

void
rd_farewell_free (RdFarewell *self)
{
  g_clear_handle_id (&self->timer_id, g_source_remove);
  g_signal_handlers_disconnect_by_data (self->parts->drain, self);
  g_free (self);
}
