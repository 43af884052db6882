/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The state machine of a drain. Its transitions are listed in the array "transitions". */

#include "rd-drain.h"

#include "rd-error.h"
#include "rd-units.h"

#include <string.h>

#define TIMEOUT_MAX_US (30 * G_TIME_SPAN_DAY) /* g_timeout_add() accepts at most 49 days */

/* Signals that arrive within this time are one signal: the terminal, the shell, a wrapper program
 * and the service manager often send several signals for one event. */
#define SIGNAL_INTERVAL_US G_TIME_SPAN_SECOND

typedef enum
{
  STATE_RUNNING,
  STATE_GRACE,    /* draining, but still accepting new clients */
  STATE_DRAINING, /* waiting for the clients to disconnect */
  STATE_CLOSING,  /* performing the close handshake with the remaining clients (at most 5 s) */
  STATE_DRAINED,
} State;

typedef enum
{
  EVENT_BEGIN,
  EVENT_GRACE_OVER,
  EVENT_EMPTY, /* no clients are connected */
  EVENT_DEADLINE,
  EVENT_FORCE,
  EVENT_CANCEL,
} Event;

struct _RdDrain
{
  GObject parent_instance;

  RdManager *manager; /* owned */
  RdDrainOptions options;
  State state;
  gint64 begin_us;       /* CLOCK_MONOTONIC */
  gint64 deadline_us;    /* CLOCK_MONOTONIC */
  gint64 interrupted_us; /* CLOCK_MONOTONIC: last signal that counted; 0: none */
  guint poll_id;
  guint grace_id;
  guint deadline_id;
  guint departed[RD_DEPARTURE_N]; /* number of disconnects since the drain began, by RdDeparture */
  RdDrainReopenFunc reopen;       /* nullable */
  gpointer reopen_data;           /* unowned */
};

G_DEFINE_FINAL_TYPE (RdDrain, rd_drain, G_TYPE_OBJECT)

static gboolean step (RdDrain *self, Event event);

static const char *const state_names[] = { [STATE_RUNNING] = "running",
                                           [STATE_GRACE] = "draining",
                                           [STATE_DRAINING] = "draining",
                                           [STATE_CLOSING] = "draining",
                                           [STATE_DRAINED] = "drained" };

static gboolean
state_is_accepting (State state)
{
  return state == STATE_RUNNING || state == STATE_GRACE;
}

static const char *
client_noun (guint n)
{
  return n == 1 ? "client" : "clients";
}

static void
report_progress (RdDrain *self)
{
  guint clients = rd_manager_get_connections (self->manager);
  guint seconds = rd_drain_get_seconds_left (self);
  g_autofree char *left = rd_units_format_seconds (seconds);

  g_message ("Draining: %u %s, %s left", clients, client_noun (clients), left);
  g_signal_emit_by_name (self, "progress", clients, seconds);
}

static gboolean
on_poll (gpointer user_data)
{
  report_progress (user_data);
  return G_SOURCE_CONTINUE;
}

static void
on_grace_over (gpointer user_data)
{
  RdDrain *self = user_data;

  self->grace_id = 0;
  step (self, EVENT_GRACE_OVER);
}

static void
on_deadline (gpointer user_data)
{
  RdDrain *self = user_data;

  self->deadline_id = 0;
  step (self, EVENT_DEADLINE);
}

static void
stop_timers (RdDrain *self)
{
  g_clear_handle_id (&self->poll_id, g_source_remove);
  g_clear_handle_id (&self->grace_id, g_source_remove);
  g_clear_handle_id (&self->deadline_id, g_source_remove);
}

static void
begin (RdDrain *self)
{
  self->begin_us = g_get_monotonic_time ();
  memset (self->departed, 0, sizeof self->departed);
  self->poll_id = g_timeout_add (self->options.interval_us / 1000, on_poll, self);
  report_progress (self);
  if (self->options.grace_us > 0)
    self->grace_id = g_timeout_add_once (self->options.grace_us / 1000, on_grace_over, self);
  else
    step (self, EVENT_GRACE_OVER);
}

static void
end_if_empty (RdDrain *self)
{
  if (rd_manager_get_connections (self->manager) == 0)
    step (self, EVENT_EMPTY);
}

static void
close_all (RdDrain *self)
{
  ws_engine_close_all (rd_manager_get_engine (self->manager), self->options.code,
                       self->options.code == WS_CLOSE_GOING_AWAY ? "going away"
                                                                 : "service restart");
}

static void
close_remaining (RdDrain *self)
{
  guint clients = rd_manager_get_connections (self->manager);

  stop_timers (self);
  self->deadline_us = g_get_monotonic_time ();
  if (clients > 0)
    {
      g_message ("Closing %u %s with close code %u", clients, client_noun (clients),
                 self->options.code);
      g_signal_emit_by_name (self, "progress", clients, 0);
    }
  close_all (self);
  end_if_empty (self);
}

static void
resume (RdDrain *self)
{
  stop_timers (self);
  self->interrupted_us = 0;
  g_message ("Drain cancelled after %u %s disconnected; accepting new clients again",
             self->departed[RD_DEPARTURE_LEFT], client_noun (self->departed[RD_DEPARTURE_LEFT]));
}

static void
finish (RdDrain *self)
{
  double seconds = (g_get_monotonic_time () - self->begin_us) / (double) G_USEC_PER_SEC;

  stop_timers (self);
  self->departed[RD_DEPARTURE_FORCED] += rd_manager_get_connections (self->manager);
  /* a client is cut off if it does not reply to the close frame in time */
  g_message ("Drained in %.1fs: %u disconnected, %u closed, %u cut off", seconds,
             self->departed[RD_DEPARTURE_LEFT], self->departed[RD_DEPARTURE_CLOSED],
             self->departed[RD_DEPARTURE_FORCED]);
}

typedef struct
{
  State from;
  Event event;
  State to;
  void (*action) (RdDrain *self); /* called after step() has emitted the signals for the change */
} Transition;

static const Transition transitions[] = {
  { STATE_RUNNING, EVENT_BEGIN, STATE_GRACE, begin },
  { STATE_GRACE, EVENT_BEGIN, STATE_GRACE, report_progress },
  { STATE_GRACE, EVENT_GRACE_OVER, STATE_DRAINING, end_if_empty },
  { STATE_GRACE, EVENT_DEADLINE, STATE_CLOSING, close_remaining },
  { STATE_GRACE, EVENT_FORCE, STATE_CLOSING, close_remaining },
  { STATE_GRACE, EVENT_CANCEL, STATE_RUNNING, resume },
  { STATE_DRAINING, EVENT_BEGIN, STATE_DRAINING, report_progress },
  { STATE_DRAINING, EVENT_EMPTY, STATE_DRAINED, finish },
  { STATE_DRAINING, EVENT_DEADLINE, STATE_CLOSING, close_remaining },
  { STATE_DRAINING, EVENT_FORCE, STATE_CLOSING, close_remaining },
  { STATE_DRAINING, EVENT_CANCEL, STATE_RUNNING, resume },
  { STATE_CLOSING, EVENT_EMPTY, STATE_DRAINED, finish },
  { STATE_CLOSING, EVENT_FORCE, STATE_DRAINED, finish },
};

/* Performs the transition for @event. Returns: whether the current state handles @event. */
static gboolean
step (RdDrain *self, Event event)
{
  for (gsize i = 0; i < G_N_ELEMENTS (transitions); i++)
    {
      const Transition *transition = &transitions[i];

      if (transition->from != self->state || transition->event != event)
        continue;

      self->state = transition->to;
      if (state_is_accepting (transition->from) != state_is_accepting (transition->to))
        g_signal_emit_by_name (self, "accepting-changed");
      if (!g_str_equal (state_names[transition->from], state_names[transition->to]))
        g_signal_emit_by_name (self, "state-changed");
      if (self->state == transition->to) /* a signal handler may have changed the state again */
        transition->action (self);
      return TRUE;
    }

  return FALSE;
}

/* Closes the new client if its opening handshake ends after the drain began closing clients. */
static void
on_client_connected (RdDrain *self)
{
  if (self->state >= STATE_CLOSING)
    close_all (self);
}

static void
on_client_disconnected (RdDrain *self, guint64 id, guint code, guint how)
{
  self->departed[how]++;
}

static void
rd_drain_finalize (GObject *object)
{
  RdDrain *self = RD_DRAIN (object);

  stop_timers (self);
  g_object_unref (self->manager);
  G_OBJECT_CLASS (rd_drain_parent_class)->finalize (object);
}

static void
rd_drain_class_init (RdDrainClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = rd_drain_finalize;

  g_signal_new ("progress", RD_TYPE_DRAIN, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2,
                G_TYPE_UINT, G_TYPE_UINT);
  g_signal_new ("state-changed", RD_TYPE_DRAIN, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE,
                0);
  g_signal_new ("accepting-changed", RD_TYPE_DRAIN, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                G_TYPE_NONE, 0);
}

static void
rd_drain_init (RdDrain *self)
{
}

RdDrain *
rd_drain_new (RdManager *manager, const RdDrainOptions *options)
{
  RdDrain *self = g_object_new (RD_TYPE_DRAIN, NULL);

  self->manager = g_object_ref (manager);
  self->options = *options;
  g_signal_connect_object (manager, "client-connected", G_CALLBACK (on_client_connected), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (manager, "client-disconnected", G_CALLBACK (on_client_disconnected),
                           self, G_CONNECT_SWAPPED);
  g_signal_connect_object (manager, "connections-changed", G_CALLBACK (end_if_empty), self,
                           G_CONNECT_SWAPPED);
  return self;
}

void
rd_drain_set_reopen_func (RdDrain *self, RdDrainReopenFunc func, gpointer user_data)
{
  self->reopen = func;
  self->reopen_data = user_data;
}

void
rd_drain_begin (RdDrain *self, gint64 timeout_us)
{
  const gboolean is_running = self->state == STATE_RUNNING;

  if (timeout_us < 0 && !is_running)
    return;
  if (timeout_us < 0)
    timeout_us = self->options.timeout_us;
  if (self->state <= STATE_DRAINING)
    {
      timeout_us = MIN (timeout_us, TIMEOUT_MAX_US);
      g_clear_handle_id (&self->deadline_id, g_source_remove);
      self->deadline_us = g_get_monotonic_time () + timeout_us;
      self->deadline_id = g_timeout_add_once (timeout_us / 1000, on_deadline, self);
    }

  step (self, EVENT_BEGIN);
}

void
rd_drain_interrupt (RdDrain *self, gint64 now_us)
{
  const gboolean is_first = self->interrupted_us == 0;

  if (!is_first && now_us < self->interrupted_us + SIGNAL_INTERVAL_US)
    {
      g_info ("Ignoring a signal that came less than a second after the previous one");
      return;
    }

  self->interrupted_us = now_us;
  if (is_first && self->state != STATE_RUNNING)
    g_message ("Draining already; a signal after more than a second will close the remaining "
               "connections");
  else if (is_first)
    rd_drain_begin (self, -1);
  else
    step (self, EVENT_FORCE);
}

gboolean
rd_drain_cancel (RdDrain *self, GError **error)
{
  if (self->state == STATE_DRAINING && self->reopen != NULL
      && !self->reopen (self->reopen_data, error))
    return FALSE;
  if (step (self, EVENT_CANCEL))
    return TRUE;

  g_set_error (error, RD_ERROR, RD_ERROR_NOT_DRAINING,
               self->state == STATE_RUNNING
                 ? "there is no drain to cancel: the service is running"
                 : "too late to cancel the drain: the clients are being closed");
  return FALSE;
}

const char *
rd_drain_get_state (RdDrain *self)
{
  return state_names[self->state];
}

gboolean
rd_drain_is_running (RdDrain *self)
{
  return self->state == STATE_RUNNING;
}

gboolean
rd_drain_is_drained (RdDrain *self)
{
  return self->state == STATE_DRAINED;
}

gboolean
rd_drain_is_accepting (RdDrain *self)
{
  return state_is_accepting (self->state);
}

guint
rd_drain_get_seconds_left (RdDrain *self)
{
  gint64 left_us = self->deadline_us - g_get_monotonic_time ();

  if (self->state == STATE_RUNNING || self->state == STATE_DRAINED || left_us <= 0)
    return 0;

  return (left_us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC;
}
