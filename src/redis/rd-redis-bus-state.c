/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The state of the Redis bus: whether the connection works, since when, and what Redis refuses. */

#include "rd-redis-bus.h"

#include "rd-redis-bus-private.h"
#include "rd-text.h"

gboolean
rd_redis_bus_state_is_down (RdRedisBusState state)
{
  return state == RD_REDIS_BUS_DOWN || state == RD_REDIS_BUS_CATCHING_UP;
}

void
rd_redis_bus_set_state (RdRedisBus *self, RdRedisBusState state, const char *reason)
{
  g_autofree char *printable = reason != NULL
                                 ? rd_text_printable (reason, RD_REDIS_BUS_REASON_MAX_CHARS)
                                 : NULL;

  if (state == self->state && g_strcmp0 (printable, self->reason) == 0)
    return;

  if (state != self->state
      && !(rd_redis_bus_state_is_down (state) && rd_redis_bus_state_is_down (self->state)))
    self->since_us = g_get_real_time ();
  self->state = state;
  g_free (self->reason);
  self->reason = g_steal_pointer (&printable);
  g_signal_emit_by_name (self, "state-changed");
}

char *
rd_redis_bus_dup_state (RdBus *bus)
{
  RdRedisBus *self = RD_REDIS_BUS (bus);
  const char *refused = rd_redis_writer_get_refusal (self->writer) != NULL ? "messages"
                                                                           : "commands";
  g_autoptr (GDateTime) since = g_date_time_new_from_unix_utc (self->since_us / G_USEC_PER_SEC);
  g_autofree char *time = g_date_time_format (since, "%Y-%m-%dT%H:%M:%SZ");

  switch (self->state)
    {
    case RD_REDIS_BUS_DOWN:
      return g_strdup_printf ("redis: down since %s: %s", time, self->reason);
    case RD_REDIS_BUS_CATCHING_UP:
      return g_strdup ("redis: catching up");
    case RD_REDIS_BUS_CONNECTED:
      return g_strdup ("redis: connected");
    case RD_REDIS_BUS_REFUSED:
      return g_strdup_printf ("redis: refuses %s since %s: %s", refused, time, self->reason);
    }

  g_assert_not_reached ();
}

void
rd_redis_bus_set_state_up (RdRedisBus *self)
{
  const char *refusal = rd_redis_writer_get_refusal (self->writer);

  for (guint i = 0; refusal == NULL && i < RD_REDIS_BUS_N_NEEDS; i++)
    refusal = self->refusals[i];
  rd_redis_bus_set_state (self, refusal != NULL ? RD_REDIS_BUS_REFUSED : RD_REDIS_BUS_CONNECTED,
                          refusal);
}

void
rd_redis_bus_set_refusal (RdRedisBus *self, RdRedisBusNeed need, const char *refusal)
{
  const char *effect = need == RD_REDIS_BUS_LOCK ? "each node sends the periodic message"
                                                 : "the list of nodes is incomplete";
  g_autofree char *old = self->refusals[need];

  self->refusals[need] = g_strdup (refusal);
  if (g_strcmp0 (old, refusal) == 0)
    return;

  if (refusal != NULL)
    g_warning ("Redis at %s refuses commands: %s; %s", rd_redis_get_name (self->redis), refusal,
               effect);
  else
    g_message ("Redis at %s accepts commands again: %s", rd_redis_get_name (self->redis), old);
  if (!rd_redis_bus_state_is_down (self->state))
    rd_redis_bus_set_state_up (self);
}
