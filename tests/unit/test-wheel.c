/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The timing wheel with a simulated clock: timers are never early and at most one tick late. */

#include "ws-wheel.h"

#define TICK_US  1000
#define TURN_US  (512 * TICK_US) /* one turn of the wheel, or a multiple */
#define START_US 123456789
#define N_TIMERS 200

typedef struct
{
  WsWheel *wheel; /* owned */
  gint64 now_us;
  guint fired;
  WsTimer *last_fired;
} Clock;

static void
on_fired (WsTimer *timer, gpointer user_data)
{
  Clock *clock = user_data;

  clock->fired++;
  clock->last_fired = timer;
}

static void
clock_set_up (Clock *clock, gconstpointer data)
{
  clock->wheel = ws_wheel_new (TICK_US, START_US);
  clock->now_us = START_US;
}

static void
clock_tear_down (Clock *clock, gconstpointer data)
{
  g_free (clock->wheel);
}

/* Advances to START_US + @at_us. Returns: the number of timers fired. */
static guint
advance (Clock *clock, gint64 at_us)
{
  clock->fired = 0;
  clock->now_us = START_US + at_us;
  ws_wheel_advance (clock->wheel, clock->now_us, on_fired, clock);
  return clock->fired;
}

static void
timer_is_neither_early_nor_more_than_a_tick_late (Clock *clock, gconstpointer data)
{
  for (gint64 delay_us = 0; delay_us < 5 * TICK_US; delay_us += 77)
    {
      WsTimer timer = { 0 };
      const gint64 deadline_us = clock->now_us + delay_us;

      ws_wheel_arm (clock->wheel, &timer, deadline_us);
      while (timer.link != NULL)
        {
          clock->fired = 0;
          clock->now_us += 13;
          ws_wheel_advance (clock->wheel, clock->now_us, on_fired, clock);
        }
      g_assert_cmpuint (clock->fired, ==, 1);
      g_assert_cmpint (clock->now_us, >=, deadline_us);
      g_assert_cmpint (clock->now_us, <, deadline_us + TICK_US + 13);
    }
}

static void
next_is_when_the_first_timer_is_due (Clock *clock, gconstpointer data)
{
  WsTimer near = { 0 };
  WsTimer far = { 0 };
  gint64 next_us;

  g_assert_cmpint (ws_wheel_get_next_us (clock->wheel), ==, -1);
  ws_wheel_arm (clock->wheel, &far, START_US + 50 * TICK_US);
  ws_wheel_arm (clock->wheel, &near, START_US + 7 * TICK_US);

  next_us = ws_wheel_get_next_us (clock->wheel);
  g_assert_cmpint (next_us, >=, START_US + 7 * TICK_US);
  g_assert_cmpint (next_us, <=, START_US + 8 * TICK_US);
  g_assert_cmpuint (advance (clock, next_us - START_US - 1), ==, 0);
  g_assert_cmpuint (advance (clock, next_us - START_US), ==, 1);
  g_assert_true (clock->last_fired == &near);

  next_us = ws_wheel_get_next_us (clock->wheel);
  g_assert_cmpuint (advance (clock, next_us - START_US), ==, 1);
  g_assert_true (clock->last_fired == &far);
  g_assert_cmpint (ws_wheel_get_next_us (clock->wheel), ==, -1);
}

/* Sleeping until the next time repeatedly reaches a timer of a later turn. */
static void
next_leads_to_timers_of_later_turns (Clock *clock, gconstpointer data)
{
  WsTimer timer = { 0 };
  guint wakeups = 0;

  ws_wheel_arm (clock->wheel, &timer, START_US + 10 * TURN_US + 5);
  for (; timer.link != NULL; wakeups++)
    {
      const gint64 next_us = ws_wheel_get_next_us (clock->wheel);

      g_assert_cmpint (next_us, >, clock->now_us);
      advance (clock, next_us - START_US);
    }
  g_assert_cmpint (clock->now_us, >=, START_US + 10 * TURN_US + 5);
  g_assert_cmpint (clock->now_us, <=, START_US + 10 * TURN_US + 5 + TICK_US);
  g_assert_cmpuint (wakeups, <=, 12);
}

static void
timers_of_later_turns_do_not_fire_early (Clock *clock, gconstpointer data)
{
  WsTimer timers[4] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (timers); i++) /* all in the same slot */
    ws_wheel_arm (clock->wheel, &timers[i], START_US + 10 * TICK_US + i * TURN_US);

  for (guint i = 0; i < G_N_ELEMENTS (timers); i++)
    {
      g_assert_cmpuint (advance (clock, 9 * TICK_US + i * TURN_US), ==, 0);
      g_assert_cmpuint (advance (clock, 11 * TICK_US + i * TURN_US), ==, 1);
      g_assert_true (clock->last_fired == &timers[i]);
    }
}

static void
long_sleep_fires_all_due_timers (Clock *clock, gconstpointer data)
{
  WsTimer timers[100] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (timers); i++)
    ws_wheel_arm (clock->wheel, &timers[i], START_US + (2 * i + 1) * TURN_US / 40);

  g_assert_cmpuint (advance (clock, 2 * TURN_US), ==, 40);
  g_assert_cmpuint (advance (clock, 100 * TURN_US), ==, 60);
}

static void
sleep_of_exactly_one_turn_misses_no_slot (Clock *clock, gconstpointer data)
{
  for (gint64 sleep_us = TURN_US - 2 * TICK_US; sleep_us <= TURN_US + 2 * TICK_US;
       sleep_us += TICK_US)
    for (gint64 due_us = 0; due_us <= sleep_us - TICK_US; due_us += TICK_US)
      {
        g_autofree WsWheel *wheel = ws_wheel_new (TICK_US, START_US);
        WsTimer timer = { 0 };

        ws_wheel_arm (wheel, &timer, START_US + due_us);
        ws_wheel_advance (wheel, START_US + sleep_us, on_fired, clock);
        g_assert_null (timer.link);
      }
}

static void
disarmed_timer_does_not_fire (Clock *clock, gconstpointer data)
{
  WsTimer timers[3] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (timers); i++)
    ws_wheel_arm (clock->wheel, &timers[i], START_US + 5 * TICK_US);
  ws_wheel_disarm (&timers[1]); /* from the middle of its slot */
  ws_wheel_disarm (&timers[1]); /* again: no effect */

  g_assert_cmpuint (advance (clock, 10 * TICK_US), ==, 2);
  ws_wheel_disarm (&timers[0]); /* fired already: no effect */
}

static void
arming_again_moves_a_timer (Clock *clock, gconstpointer data)
{
  WsTimer timer = { 0 };

  ws_wheel_arm (clock->wheel, &timer, START_US + 5 * TICK_US);
  ws_wheel_arm (clock->wheel, &timer, START_US + 20 * TICK_US);
  g_assert_cmpuint (advance (clock, 10 * TICK_US), ==, 0);
  ws_wheel_arm (clock->wheel, &timer, START_US + 12 * TICK_US);
  g_assert_cmpuint (advance (clock, 13 * TICK_US), ==, 1);
  g_assert_cmpuint (advance (clock, 30 * TICK_US), ==, 0);
}

static void
arm_again_at_once (WsTimer *timer, gpointer user_data)
{
  Clock *clock = user_data;

  g_assert_null (timer->link);
  clock->fired++;
  ws_wheel_arm (clock->wheel, timer, clock->now_us - TICK_US);
}

/* Even if its deadline is past; otherwise a callback could loop forever. */
static void
timer_armed_from_its_callback_fires_in_the_next_advance (Clock *clock, gconstpointer data)
{
  WsTimer timer = { 0 };

  ws_wheel_arm (clock->wheel, &timer, START_US + TICK_US);
  for (guint i = 2; i < 10; i++)
    {
      clock->now_us = START_US + i * TICK_US;
      ws_wheel_advance (clock->wheel, clock->now_us, arm_again_at_once, clock);
      g_assert_cmpuint (clock->fired, ==, i - 1);
    }
  ws_wheel_disarm (&timer);
}

typedef struct
{
  Clock *clock;
  WsTimer timers[10];
  guint fired;
} Rivals;

static void
disarm_all_others (WsTimer *timer, gpointer user_data)
{
  Rivals *rivals = user_data;

  rivals->fired++;
  for (guint i = 0; i < G_N_ELEMENTS (rivals->timers); i++)
    if (&rivals->timers[i] != timer)
      ws_wheel_disarm (&rivals->timers[i]);
}

static void
postpone_all_others (WsTimer *timer, gpointer user_data)
{
  Rivals *rivals = user_data;

  rivals->fired++;
  for (guint i = 0; i < G_N_ELEMENTS (rivals->timers); i++)
    if (&rivals->timers[i] != timer)
      ws_wheel_arm (rivals->clock->wheel, &rivals->timers[i], START_US + 20 * TICK_US);
}

static void
callback_may_disarm_and_arm_other_due_timers (Clock *clock, gconstpointer data)
{
  Rivals rivals = { .clock = clock };

  for (guint i = 0; i < G_N_ELEMENTS (rivals.timers); i++)
    ws_wheel_arm (clock->wheel, &rivals.timers[i], START_US + i % 3 * TICK_US);
  ws_wheel_advance (clock->wheel, START_US + 5 * TICK_US, postpone_all_others, &rivals);
  g_assert_cmpuint (rivals.fired, ==, 1);
  ws_wheel_advance (clock->wheel, START_US + 30 * TICK_US, disarm_all_others, &rivals);
  g_assert_cmpuint (rivals.fired, ==, 2);
  g_assert_cmpuint (advance (clock, 100 * TICK_US), ==, 0);
}

typedef struct
{
  WsTimer timer;
  gint64 due_us; /* 0: disarmed */
} Modelled;

static void
on_modelled_fired (WsTimer *timer, gpointer user_data)
{
  const Clock *clock = user_data;
  Modelled *modelled = (Modelled *) timer;

  g_assert_cmpint (modelled->due_us, !=, 0);
  g_assert_cmpint (modelled->due_us, <=, clock->now_us);
  modelled->due_us = 0;
}

static void
wheel_agrees_with_its_model (Clock *clock, gconstpointer data)
{
  g_autofree Modelled *timers = g_new0 (Modelled, N_TIMERS);

  for (guint round = 0; round < 20000; round++)
    {
      Modelled *modelled = &timers[g_test_rand_int_range (0, N_TIMERS)];

      if (g_test_rand_int_range (0, 4) == 0)
        {
          ws_wheel_disarm (&modelled->timer);
          modelled->due_us = 0;
        }
      else
        {
          gint64 deadline_us = clock->now_us + g_test_rand_int_range (-TICK_US, 3 * TURN_US);

          modelled->due_us = MAX (deadline_us, clock->now_us);
          ws_wheel_arm (clock->wheel, &modelled->timer, deadline_us);
        }

      clock->now_us += g_test_rand_int_range (0, round % 100 == 0 ? 2 * TURN_US : 3 * TICK_US);
      ws_wheel_advance (clock->wheel, clock->now_us, on_modelled_fired, clock);
      for (guint i = 0; i < N_TIMERS; i++)
        {
          g_assert_cmpint (timers[i].timer.link != NULL, ==, timers[i].due_us != 0);
          if (timers[i].due_us != 0)
            g_assert_cmpint (clock->now_us, <, timers[i].due_us + TICK_US);
        }
    }
}

static void
deadline_is_rounded_up_to_a_tick (Clock *clock, gconstpointer data)
{
  WsTimer timer = { 0 };

  g_assert_cmpint (ws_wheel_get_deadline_us (clock->wheel, &timer), ==, -1);
  for (gint64 delay_us = 1; delay_us < 3 * TURN_US; delay_us += 77777)
    {
      const gint64 deadline_us = clock->now_us + delay_us;
      gint64 rounded_us;

      ws_wheel_arm (clock->wheel, &timer, deadline_us);
      rounded_us = ws_wheel_get_deadline_us (clock->wheel, &timer);
      g_assert_cmpint (rounded_us, >=, deadline_us);
      g_assert_cmpint (rounded_us, <, deadline_us + TICK_US);
      ws_wheel_arm (clock->wheel, &timer, rounded_us); /* the deadline does not move */
      g_assert_cmpint (ws_wheel_get_deadline_us (clock->wheel, &timer), ==, rounded_us);
    }
  ws_wheel_disarm (&timer);
  g_assert_cmpint (ws_wheel_get_deadline_us (clock->wheel, &timer), ==, -1);
}

/* Negative deadlines are times before the machine was booted. */
static void
negative_deadline_is_due_at_once (Clock *clock, gconstpointer data)
{
  const gint64 deadlines_us[] = { -1, -TICK_US, -START_US, G_MININT64 };

  for (gsize i = 0; i < G_N_ELEMENTS (deadlines_us); i++)
    {
      WsTimer timer = { 0 };

      ws_wheel_arm (clock->wheel, &timer, deadlines_us[i]);
      g_assert_cmpuint (advance (clock, (i + 2) * TICK_US), ==, 1);
      g_assert_true (clock->last_fired == &timer);
    }
}

#define ADD(path, function) g_test_add (path, Clock, NULL, clock_set_up, function, clock_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("/wheel/deadline", timer_is_neither_early_nor_more_than_a_tick_late);
  ADD ("/wheel/deadline/rounded", deadline_is_rounded_up_to_a_tick);
  ADD ("/wheel/deadline/negative", negative_deadline_is_due_at_once);
  ADD ("/wheel/next", next_is_when_the_first_timer_is_due);
  ADD ("/wheel/next/turns", next_leads_to_timers_of_later_turns);
  ADD ("/wheel/turns", timers_of_later_turns_do_not_fire_early);
  ADD ("/wheel/sleep", long_sleep_fires_all_due_timers);
  ADD ("/wheel/sleep/turn", sleep_of_exactly_one_turn_misses_no_slot);
  ADD ("/wheel/disarm", disarmed_timer_does_not_fire);
  ADD ("/wheel/re-arm", arming_again_moves_a_timer);
  ADD ("/wheel/callback/re-arm", timer_armed_from_its_callback_fires_in_the_next_advance);
  ADD ("/wheel/callback/others", callback_may_disarm_and_arm_other_due_timers);
  ADD ("/wheel/model", wheel_agrees_with_its_model);

  return g_test_run ();
}
