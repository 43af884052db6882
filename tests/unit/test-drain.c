/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The drain: signals, counters, and its effect on clients. See test-drain-table for all
 * transitions. */

#include <string.h>

#include "drain-fixture.h"
#include "rd-error.h"
#include "rd-units.h"

#define SECOND_US G_USEC_PER_SEC
#define LONG_US   (600 * SECOND_US)

static void
drain_is_reported_from_begin_to_end (DrainFixture *fixture, gconstpointer data)
{
  Peer *first = core_fixture_join (&fixture->core);
  Peer *second = core_fixture_join (&fixture->core);

  drain_fixture_expect (fixture, "");
  rd_drain_begin (fixture->drain, -1);
  drain_fixture_expect (fixture, "state:draining;progress:2,600;accepting:0;");
  peer_hang_up (first);
  crowd_settle (fixture->core.crowd);
  drain_fixture_expect (fixture, "");
  peer_send_close (second, WS_CLOSE_GOING_AWAY);
  crowd_settle (fixture->core.crowd); /* at once, not at the next progress report */
  drain_fixture_expect (fixture, "state:drained;");
  g_assert_true (g_str_has_prefix (fixture->messages->str, "Draining: 2 clients, 10min 0s left\n"));
  drain_fixture_expect_report (fixture, "2 disconnected, 0 closed, 0 cut off");
}

static void
drain_without_clients_ends_at_once (DrainFixture *fixture, gconstpointer data)
{
  rd_drain_begin (fixture->drain, -1);
  g_assert_cmpstr (rd_drain_get_state (fixture->drain), ==, "drained");
  drain_fixture_expect (fixture, "state:draining;progress:0,600;accepting:0;state:drained;");
}

static void
accepting_agrees_with_the_state (DrainFixture *fixture, gconstpointer data)
{
  g_assert_cmpstr (rd_drain_get_state (fixture->drain), ==, "running");
  g_assert_true (rd_drain_is_accepting (fixture->drain));
  rd_drain_begin (fixture->drain, -1);
  g_assert_cmpstr (rd_drain_get_state (fixture->drain), ==, "drained");
  g_assert_false (rd_drain_is_accepting (fixture->drain));
}

static void
messages_flow_while_it_drains (DrainFixture *fixture, gconstpointer data)
{
  Peer *peer = core_fixture_join (&fixture->core);

  rd_drain_begin (fixture->drain, -1);
  rd_manager_broadcast (
    fixture->core.manager,
    &(RdMessage){ .opcode = WS_OPCODE_TEXT, .data = (const guint8 *) "news", .size = 4 });
  peer_send_text (peer, "talk");
  crowd_settle (fixture->core.crowd);
  peer_expect_text (peer, "news");
  peer_expect_silence (peer);
  core_fixture_expect (&fixture->core, "+1;=1;talk;");
}

static void
rest_is_closed_at_the_deadline_after_pending_messages (DrainFixture *fixture, gconstpointer data)
{
  Peer *answering = core_fixture_join (&fixture->core);
  Peer *leaving = core_fixture_join (&fixture->core);
  Peer *vanishing = core_fixture_join (&fixture->core);

  rd_drain_begin (fixture->drain, 300 * 1000);
  peer_hang_up (leaving);
  CROWD_WAIT_FOR (fixture->core.crowd, answering->in->len > 0);
  peer_expect_close (answering, WS_CLOSE_SERVICE_RESTART, "service restart");
  g_assert_cmpstr (rd_drain_get_state (fixture->drain), ==, "draining");
  peer_send_close (answering, WS_CLOSE_SERVICE_RESTART);
  peer_hang_up (vanishing);
  crowd_settle (fixture->core.crowd);
  drain_fixture_expect (fixture,
                        "state:draining;progress:3,1;accepting:0;progress:2,0;state:drained;");
  g_assert_true (
    g_str_has_prefix (fixture->messages->str,
                      "Draining: 3 clients, 1s left\nClosing 2 clients with close code 1012\n"));
  drain_fixture_expect_report (fixture, "1 disconnected, 1 closed, 1 cut off");
}

static void
first_signal_drains_second_closes_third_ends (DrainFixture *fixture, gconstpointer data)
{
  Peer *peer = core_fixture_join (&fixture->core);

  drain_fixture_interrupt (fixture);
  crowd_settle (fixture->core.crowd);
  peer_expect_silence (peer);
  drain_fixture_expect (fixture, "state:draining;progress:1,600;accepting:0;");
  drain_fixture_interrupt (fixture);
  crowd_settle (fixture->core.crowd);
  peer_expect_close (peer, WS_CLOSE_SERVICE_RESTART, "service restart");
  drain_fixture_expect (fixture, "progress:1,0;");
  drain_fixture_interrupt (fixture);
  drain_fixture_expect (fixture, "state:drained;");
  drain_fixture_interrupt (fixture);
  drain_fixture_expect (fixture, "");
  drain_fixture_expect_report (fixture, "0 disconnected, 0 closed, 1 cut off");
}

/* As from a wrapper that forwards a signal which it shares with the service. */
static void
signals_within_a_second_are_one (DrainFixture *fixture, gconstpointer data)
{
  Peer *peer = core_fixture_join (&fixture->core);

  rd_drain_interrupt (fixture->drain, 5000000);
  rd_drain_interrupt (fixture->drain, 5000000);
  rd_drain_interrupt (fixture->drain, 5999999);
  crowd_settle (fixture->core.crowd);
  peer_expect_silence (peer);
  drain_fixture_expect (fixture, "state:draining;progress:1,600;accepting:0;");
  rd_drain_interrupt (fixture->drain, 6000000);
  rd_drain_interrupt (fixture->drain, 6999999);
  crowd_settle (fixture->core.crowd);
  peer_expect_close (peer, WS_CLOSE_SERVICE_RESTART, "service restart");
  drain_fixture_expect (fixture, "progress:1,0;");
  rd_drain_interrupt (fixture->drain, 7000000);
  drain_fixture_expect (fixture, "state:drained;");
}

/* A signal does not shorten a drain that was begun by other means. */
static void
only_signals_are_counted (DrainFixture *fixture, gconstpointer data)
{
  Peer *peer = core_fixture_join (&fixture->core);

  rd_drain_begin (fixture->drain, -1);
  drain_fixture_interrupt (fixture);
  crowd_settle (fixture->core.crowd);
  peer_expect_silence (peer);
  drain_fixture_expect (fixture, "state:draining;progress:1,600;accepting:0;");
  drain_fixture_interrupt (fixture);
  crowd_settle (fixture->core.crowd);
  peer_expect_close (peer, WS_CLOSE_SERVICE_RESTART, "service restart");
}

static void
cancelled_drain_forgets_signals (DrainFixture *fixture, gconstpointer data)
{
  Peer *peer = core_fixture_join (&fixture->core);

  drain_fixture_interrupt (fixture);
  g_assert_true (rd_drain_cancel (fixture->drain, NULL));
  drain_fixture_interrupt (fixture);
  crowd_settle (fixture->core.crowd);
  peer_expect_silence (peer);
}

static void
deadline_can_move_both_ways (DrainFixture *fixture, gconstpointer data)
{
  Peer *peer = core_fixture_join (&fixture->core);

  g_assert_cmpuint (rd_drain_get_seconds_left (fixture->drain), ==, 0);
  rd_drain_begin (fixture->drain, 100 * SECOND_US);
  g_assert_cmpuint (rd_drain_get_seconds_left (fixture->drain), ==, 100);
  rd_drain_begin (fixture->drain, -1);
  g_assert_cmpuint (rd_drain_get_seconds_left (fixture->drain), ==, 100);
  rd_drain_begin (fixture->drain, 300 * 1000);
  rd_drain_begin (fixture->drain, 200 * SECOND_US);
  drain_fixture_run_for (fixture, 400);
  peer_expect_silence (peer); /* the earlier deadline does not apply */
  g_assert_cmpuint (rd_drain_get_seconds_left (fixture->drain), ==, 200);
  drain_fixture_expect (fixture, "state:draining;progress:1,100;accepting:0;"
                                 "progress:1,1;progress:1,200;");
  rd_drain_begin (fixture->drain, 0);
  CROWD_WAIT_FOR (fixture->core.crowd, peer->in->len > 0);
}

static void
deadline_in_years_does_not_overflow (DrainFixture *fixture, gconstpointer data)
{
  const gint64 timeouts_us[] = { (gint64) G_MAXUINT * 1000 + 1000, G_MAXINT64 / 2, G_MAXINT64 };
  Peer *peer = core_fixture_join (&fixture->core);

  for (guint i = 0; i < G_N_ELEMENTS (timeouts_us); i++)
    {
      rd_drain_begin (fixture->drain, timeouts_us[i]);
      drain_fixture_run_for (fixture, 20);
      peer_expect_silence (peer);
      g_assert_cmpuint (rd_drain_get_seconds_left (fixture->drain), >, 24 * 3600);
    }
}

/* The remaining clients are being closed. */
static void
no_time_is_left_while_closing (DrainFixture *fixture, gconstpointer data)
{
  core_fixture_join (&fixture->core);
  drain_fixture_interrupt (fixture);
  drain_fixture_interrupt (fixture);
  g_assert_cmpuint (rd_drain_get_seconds_left (fixture->drain), ==, 0);
  drain_fixture_interrupt (fixture);
  g_assert_cmpuint (rd_drain_get_seconds_left (fixture->drain), ==, 0);
}

/* @data: options with a short interval */
static void
progress_is_reported_periodically (DrainFixture *fixture, gconstpointer data)
{
  Peer *peers[2];

  for (guint i = 0; i < G_N_ELEMENTS (peers); i++)
    peers[i] = core_fixture_join (&fixture->core);
  rd_drain_begin (fixture->drain, -1);
  drain_fixture_expect (fixture, "state:draining;progress:2,600;accepting:0;");
  CROWD_WAIT_FOR (fixture->core.crowd, fixture->signals->len > 0);
  g_assert_true (g_str_has_prefix (fixture->signals->str, "progress:2,"));
  peer_hang_up (peers[0]);
  crowd_settle (fixture->core.crowd);
  g_string_truncate (fixture->signals, 0);
  CROWD_WAIT_FOR (fixture->core.crowd, fixture->signals->len > 0);
  g_assert_true (g_str_has_prefix (fixture->signals->str, "progress:1,"));
  peer_hang_up (peers[1]);
  crowd_settle (fixture->core.crowd);
  g_assert_true (g_str_has_suffix (fixture->signals->str, "state:drained;"));
  g_string_truncate (fixture->signals, 0);
  drain_fixture_run_for (fixture, 100);
  drain_fixture_expect (fixture, "");
}

/* @data: options with a short grace period */
static void
clients_are_accepted_during_the_grace_period (DrainFixture *fixture, gconstpointer data)
{
  Peer *peer;

  rd_drain_begin (fixture->drain, -1);
  drain_fixture_expect (fixture, "state:draining;progress:0,600;");
  peer = core_fixture_join (&fixture->core);
  CROWD_WAIT_FOR (fixture->core.crowd, !rd_drain_is_accepting (fixture->drain));
  drain_fixture_expect (fixture, "accepting:0;");
  g_assert_cmpstr (rd_drain_get_state (fixture->drain), ==, "draining");
  peer_hang_up (peer);
  crowd_settle (fixture->core.crowd);
  drain_fixture_expect (fixture, "state:drained;");
}

/* During the grace period a new client may come; after it, none can. */
static void
drain_ends_if_the_grace_period_ends_without_clients (DrainFixture *fixture, gconstpointer data)
{
  rd_drain_begin (fixture->drain, -1);
  peer_hang_up (core_fixture_join (&fixture->core));
  CROWD_WAIT_FOR (fixture->core.crowd,
                  g_str_equal (rd_drain_get_state (fixture->drain), "drained"));
  drain_fixture_expect_report (fixture, "1 disconnected, 0 closed, 0 cut off");
}

/* Its handshake ended after the other clients were closed. */
static void
client_that_connects_while_closing_is_closed (DrainFixture *fixture, gconstpointer data)
{
  Peer *early = core_fixture_join (&fixture->core);
  Peer *late;

  drain_fixture_interrupt (fixture);
  drain_fixture_interrupt (fixture);
  late = core_fixture_join (&fixture->core);
  crowd_settle (fixture->core.crowd);
  peer_expect_close (early, WS_CLOSE_SERVICE_RESTART, "service restart");
  peer_expect_close (late, WS_CLOSE_SERVICE_RESTART, "service restart");
}

/* @data: options with another close code */
static void
close_code_can_be_going_away (DrainFixture *fixture, gconstpointer data)
{
  Peer *early = core_fixture_join (&fixture->core);
  Peer *late;

  drain_fixture_interrupt (fixture);
  drain_fixture_interrupt (fixture);
  late = core_fixture_join (&fixture->core);
  crowd_settle (fixture->core.crowd);
  peer_expect_close (early, WS_CLOSE_GOING_AWAY, "going away");
  peer_expect_close (late, WS_CLOSE_GOING_AWAY, "going away");
  g_assert_true (
    g_str_has_suffix (fixture->messages->str, "Closing 1 client with close code 1001\n"));
  peer_send_close (early, WS_CLOSE_GOING_AWAY);
  peer_send_close (late, WS_CLOSE_GOING_AWAY);
  crowd_settle (fixture->core.crowd);
  drain_fixture_expect_report (fixture, "0 disconnected, 2 closed, 0 cut off");
}

static gboolean
fail_to_reopen (gpointer user_data, GError **error)
{
  g_set_error (error, RD_ERROR, RD_ERROR_CANNOT_LISTEN, "the port is taken");
  return FALSE;
}

static gboolean
reopen (gpointer user_data, GError **error)
{
  DrainFixture *fixture = user_data;

  g_string_append (fixture->signals, "reopen;");
  return TRUE;
}

static void
cancelled_drain_has_no_effect_later (DrainFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  Peer *peer = core_fixture_join (&fixture->core);

  rd_drain_set_reopen_func (fixture->drain, reopen, fixture);
  rd_drain_begin (fixture->drain, 500 * 1000);
  peer_hang_up (core_fixture_join (&fixture->core));
  crowd_settle (fixture->core.crowd);
  g_string_truncate (fixture->signals, 0);
  g_assert_true (rd_drain_cancel (fixture->drain, &error));
  g_assert_no_error (error);
  drain_fixture_expect (fixture, "reopen;accepting:1;state:running;");
  g_assert_true (g_str_has_suffix (fixture->messages->str,
                                   " after 1 client disconnected; accepting new clients again\n"));

  drain_fixture_run_for (fixture, 700); /* no timer fires */
  drain_fixture_expect (fixture, "");
  peer_expect_silence (peer);
  g_assert_cmpuint (rd_drain_get_seconds_left (fixture->drain), ==, 0);

  rd_drain_begin (fixture->drain, -1); /* the next drain has its full timeout */
  drain_fixture_expect (fixture, "state:draining;progress:1,600;accepting:0;");
  peer_hang_up (peer);
  crowd_settle (fixture->core.crowd);
  drain_fixture_expect_report (fixture, "1 disconnected, 0 closed, 0 cut off");
}

static void
drain_continues_if_reopening_fails (DrainFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  core_fixture_join (&fixture->core);
  rd_drain_set_reopen_func (fixture->drain, fail_to_reopen, NULL);
  rd_drain_begin (fixture->drain, -1);
  g_string_truncate (fixture->signals, 0);
  g_assert_false (rd_drain_cancel (fixture->drain, &error));
  g_assert_error (error, RD_ERROR, RD_ERROR_CANNOT_LISTEN);
  drain_fixture_expect (fixture, "");
  g_assert_cmpstr (rd_drain_get_state (fixture->drain), ==, "draining");
}

/* Clients are still accepted, so the listener is not opened again. */
static void
cancel_in_the_grace_period_does_not_reopen (DrainFixture *fixture, gconstpointer data)
{
  rd_drain_set_reopen_func (fixture->drain, reopen, fixture);
  rd_drain_begin (fixture->drain, -1);
  g_assert_true (rd_drain_cancel (fixture->drain, NULL));
  drain_fixture_expect (fixture, "state:draining;progress:0,600;state:running;");
  drain_fixture_run_for (fixture, 120); /* the grace timer does not fire */
  drain_fixture_expect (fixture, "");
}

static void
cancel_once (RdDrain *drain)
{
  g_signal_handlers_disconnect_by_func (drain, cancel_once, NULL);
  g_assert_true (rd_drain_cancel (drain, NULL));
}

/* A handler of "state-changed" cancels the drain. */
static void
cancel_from_a_signal_handler_works (DrainFixture *fixture, gconstpointer data)
{
  core_fixture_join (&fixture->core);
  g_signal_connect (fixture->drain, "state-changed", G_CALLBACK (cancel_once), NULL);
  rd_drain_begin (fixture->drain, -1);
  g_assert_true (rd_drain_is_running (fixture->drain));
  g_string_truncate (fixture->signals, 0);
  drain_fixture_run_for (fixture, 150);
  drain_fixture_expect (fixture, "");
}

static void
errors_of_cancel_have_the_reason (DrainFixture *fixture, gconstpointer data)
{
  g_autoptr (GError) running = NULL;
  g_autoptr (GError) closing = NULL;

  core_fixture_join (&fixture->core);
  g_assert_false (rd_drain_cancel (fixture->drain, &running));
  g_assert_nonnull (strstr (running->message, "running"));
  drain_fixture_interrupt (fixture);
  drain_fixture_interrupt (fixture);
  g_assert_false (rd_drain_cancel (fixture->drain, &closing));
  g_assert_nonnull (strstr (closing->message, "too late"));
}

static void
time_left_is_formatted (void)
{
  const struct
  {
    guint seconds;
    const char *text;
  } cases[] = {
    { 0, "0s" },           { 1, "1s" },           { 59, "59s" },       { 60, "1min 0s" },
    { 1795, "29min 55s" }, { 3599, "59min 59s" }, { 3600, "1h 0min" }, { 5459, "1h 30min" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = rd_units_format_seconds (cases[i].seconds);

      g_assert_cmpstr (text, ==, cases[i].text);
    }
}

static const RdDrainOptions short_interval = { .timeout_us = LONG_US, .interval_us = 50 * 1000 };
static const RdDrainOptions going_away
  = { .timeout_us = LONG_US, .interval_us = LONG_US, .code = WS_CLOSE_GOING_AWAY };
static const RdDrainOptions short_grace
  = { .timeout_us = LONG_US, .interval_us = LONG_US, .grace_us = 100 * 1000 };

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  DRAIN_TEST ("/drain/report", NULL, drain_is_reported_from_begin_to_end);
  DRAIN_TEST ("/drain/no-clients", NULL, drain_without_clients_ends_at_once);
  DRAIN_TEST ("/drain/properties", NULL, accepting_agrees_with_the_state);
  DRAIN_TEST ("/drain/messages", NULL, messages_flow_while_it_drains);
  DRAIN_TEST ("/drain/deadline", NULL, rest_is_closed_at_the_deadline_after_pending_messages);
  DRAIN_TEST ("/drain/deadline/moved", NULL, deadline_can_move_both_ways);
  DRAIN_TEST ("/drain/deadline/far", NULL, deadline_in_years_does_not_overflow);
  DRAIN_TEST ("/drain/interrupt", NULL, first_signal_drains_second_closes_third_ends);
  DRAIN_TEST ("/drain/interrupt/one", NULL, signals_within_a_second_are_one);
  DRAIN_TEST ("/drain/interrupt/only-signals-count", NULL, only_signals_are_counted);
  DRAIN_TEST ("/drain/interrupt/cancelled", NULL, cancelled_drain_forgets_signals);
  DRAIN_TEST ("/drain/interrupt/time-left", NULL, no_time_is_left_while_closing);
  DRAIN_TEST ("/drain/progress", &short_interval, progress_is_reported_periodically);
  DRAIN_TEST ("/drain/grace", &short_grace, clients_are_accepted_during_the_grace_period);
  DRAIN_TEST ("/drain/grace/no-clients", &short_grace,
              drain_ends_if_the_grace_period_ends_without_clients);
  DRAIN_TEST ("/drain/late", NULL, client_that_connects_while_closing_is_closed);
  DRAIN_TEST ("/drain/code", &going_away, close_code_can_be_going_away);
  DRAIN_TEST ("/drain/cancel", NULL, cancelled_drain_has_no_effect_later);
  DRAIN_TEST ("/drain/cancel/refused", NULL, drain_continues_if_reopening_fails);
  DRAIN_TEST ("/drain/cancel/grace", &short_grace, cancel_in_the_grace_period_does_not_reopen);
  DRAIN_TEST ("/drain/cancel/notified", &short_interval, cancel_from_a_signal_handler_works);
  DRAIN_TEST ("/drain/cancel/errors", NULL, errors_of_cancel_have_the_reason);
  g_test_add_func ("/drain/format", time_left_is_formatted);

  return g_test_run ();
}
