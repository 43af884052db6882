/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The transition table of the drain: each event in each state, with real clients. */

#include "core-fixture.h"
#include "rd-drain.h"
#include "rd-error.h"

#define LONG_US (600 * G_USEC_PER_SEC)

typedef enum
{
  RUNNING,
  GRACE,
  DRAINING,
  CLOSING,
  DRAINED,
  N_STATES,
} State;

typedef enum
{
  BEGIN,
  GRACE_OVER,
  EMPTY,
  DEADLINE,
  FORCE,
  CANCEL,
  N_EVENTS,
} Event;

static const char *const state_names[N_STATES] = { "running", "grace", "draining", "closing",
                                                   "drained" };
static const char *const event_names[N_EVENTS] = { "begin",    "grace-over", "empty",
                                                   "deadline", "force",      "cancel" };

typedef struct
{
  State from;
  Event event;
  State to;
} Edge;

/* If no deadline or grace period is set, its event means that time passes without one. */
static const Edge edges[] = {
  { RUNNING, BEGIN, DRAINING },  { RUNNING, GRACE_OVER, RUNNING },
  { RUNNING, EMPTY, RUNNING },   { RUNNING, DEADLINE, RUNNING },
  { RUNNING, FORCE, DRAINING },  { RUNNING, CANCEL, RUNNING },
  { GRACE, BEGIN, GRACE },       { GRACE, GRACE_OVER, DRAINING },
  { GRACE, EMPTY, GRACE },       { GRACE, DEADLINE, CLOSING },
  { GRACE, FORCE, CLOSING },     { GRACE, CANCEL, RUNNING },
  { DRAINING, BEGIN, DRAINING }, { DRAINING, GRACE_OVER, DRAINING },
  { DRAINING, EMPTY, DRAINED },  { DRAINING, DEADLINE, CLOSING },
  { DRAINING, FORCE, CLOSING },  { DRAINING, CANCEL, RUNNING },
  { CLOSING, BEGIN, CLOSING },   { CLOSING, GRACE_OVER, CLOSING },
  { CLOSING, EMPTY, DRAINED },   { CLOSING, DEADLINE, CLOSING },
  { CLOSING, FORCE, DRAINED },   { CLOSING, CANCEL, CLOSING },
  { DRAINED, BEGIN, DRAINED },   { DRAINED, GRACE_OVER, DRAINED },
  { DRAINED, EMPTY, DRAINED },   { DRAINED, DEADLINE, DRAINED },
  { DRAINED, FORCE, DRAINED },   { DRAINED, CANCEL, DRAINED },
};

G_STATIC_ASSERT (G_N_ELEMENTS (edges) == N_STATES * N_EVENTS);

/* Returns: the observable state. A client that does not answer shows whether clients are being
 * closed. */
static State
observe (RdDrain *drain, const Peer *peer)
{
  const char *state = rd_drain_get_state (drain);

  g_assert_cmpint (rd_drain_is_running (drain), ==, g_str_equal (state, "running"));
  if (g_str_equal (state, "running"))
    {
      g_assert_true (rd_drain_is_accepting (drain));
      return RUNNING;
    }
  if (g_str_equal (state, "drained"))
    {
      g_assert_false (rd_drain_is_accepting (drain));
      return DRAINED;
    }

  g_assert_cmpstr (state, ==, "draining");
  if (rd_drain_is_accepting (drain))
    return GRACE;

  return peer->in->len > 0 ? CLOSING : DRAINING;
}

static void
reach (RdDrain *drain, State state)
{
  if (state >= GRACE)
    rd_drain_interrupt (drain, 1 * G_USEC_PER_SEC);
  if (state >= CLOSING)
    rd_drain_interrupt (drain, 2 * G_USEC_PER_SEC);
  if (state == DRAINED)
    rd_drain_interrupt (drain, 3 * G_USEC_PER_SEC); /* with a client connected */
}

static gboolean
on_time_over (gpointer user_data)
{
  gboolean *is_over = user_data;

  *is_over = TRUE;
  return G_SOURCE_REMOVE;
}

/* Runs until all timers due before have fired, as timers fire in order. */
static void
run_for (Crowd *crowd, guint time_ms)
{
  gboolean is_over = FALSE;

  g_timeout_add (time_ms, on_time_over, &is_over);
  CROWD_WAIT_FOR (crowd, is_over);
}

static void
raise_event (CoreFixture *fixture, RdDrain *drain, const Edge *edge, Peer *peer)
{
  g_autoptr (GError) error = NULL;

  switch (edge->event)
    {
    case BEGIN:
      rd_drain_begin (drain, -1);
      break;
    case GRACE_OVER:
      run_for (fixture->crowd, 30);
      break;
    case EMPTY:
      peer_hang_up (peer);
      break;
    case DEADLINE:
      if (edge->from != RUNNING)
        rd_drain_begin (drain, 0);
      run_for (fixture->crowd, 30);
      break;
    case FORCE:
      rd_drain_interrupt (drain, 4 * G_USEC_PER_SEC);
      break;
    case CANCEL:
      if (edge->from != RUNNING && edge->to == RUNNING)
        {
          g_assert_true (rd_drain_cancel (drain, &error));
          g_assert_no_error (error);
        }
      else
        {
          g_assert_false (rd_drain_cancel (drain, &error));
          g_assert_error (error, RD_ERROR, RD_ERROR_NOT_DRAINING);
        }
      break;
    case N_EVENTS:
      g_assert_not_reached ();
    }
  crowd_settle (fixture->crowd);
}

static void
edge_leads_where_the_table_says (gconstpointer data)
{
  const Edge *edge = data;
  const RdDrainOptions options = {
    .timeout_us = LONG_US,
    .interval_us = LONG_US,
    .grace_us = edge->from != GRACE         ? 0
                : edge->event == GRACE_OVER ? 10 * 1000
                                            : LONG_US,
    .code = WS_CLOSE_SERVICE_RESTART,
  };
  CoreFixture fixture = { 0 };
  RdDrain *drain;
  Peer *peer;

  core_fixture_set_up (&fixture, NULL);
  drain = rd_drain_new (fixture.manager, &options);
  peer = core_fixture_join (&fixture);

  reach (drain, edge->from);
  if (edge->from != GRACE) /* the grace period may end soon */
    crowd_settle (fixture.crowd);
  g_assert_cmpstr (state_names[observe (drain, peer)], ==, state_names[edge->from]);
  raise_event (&fixture, drain, edge, peer);
  g_assert_cmpstr (state_names[observe (drain, peer)], ==, state_names[edge->to]);

  g_assert_finalize_object (drain);
  core_fixture_tear_down (&fixture, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (edges); i++)
    {
      g_autofree char *path = g_strdup_printf ("/drain/table/%s/%s", state_names[edges[i].from],
                                               event_names[edges[i].event]);

      g_test_add_data_func (path, &edges[i], edge_leads_where_the_table_says);
    }

  return g_test_run ();
}
