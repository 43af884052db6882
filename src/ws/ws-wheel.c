/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* A timing wheel. Each slot is an intrusive list of the timers that expire at its tick, in this or
 * a later revolution of the wheel. */

#include "ws-wheel.h"

#define SLOTS 512

struct _WsWheel
{
  gint64 tick_us;
  guint64 now; /* tick of the last ws_wheel_advance() */
  WsTimer *slots[SLOTS];
};

WsWheel *
ws_wheel_new (gint64 tick_us, gint64 now_us)
{
  WsWheel *wheel = g_new0 (WsWheel, 1);

  g_assert (tick_us > 0);

  wheel->tick_us = tick_us;
  wheel->now = now_us / tick_us;
  return wheel;
}

void
ws_wheel_disarm (WsTimer *timer)
{
  if (timer->link == NULL)
    return;

  *timer->link = timer->next;
  if (timer->next != NULL)
    timer->next->link = timer->link;
  timer->link = NULL;
}

/* Adds @timer at the front of @list. */
static void
push (WsTimer **list, WsTimer *timer)
{
  timer->next = *list;
  timer->link = list;
  if (timer->next != NULL)
    timer->next->link = &timer->next;
  *list = timer;
}

void
ws_wheel_arm (WsWheel *wheel, WsTimer *timer, gint64 deadline_us)
{
  const guint64 tick = (MAX (deadline_us, 0) + wheel->tick_us - 1) / wheel->tick_us;

  ws_wheel_disarm (timer);
  timer->tick = MAX (tick, wheel->now + 1);
  push (&wheel->slots[timer->tick % SLOTS], timer);
}

gint64
ws_wheel_get_deadline_us (const WsWheel *wheel, const WsTimer *timer)
{
  return timer->link != NULL ? (gint64) timer->tick * wheel->tick_us : -1;
}

/* Moves the due timers of @slot to @due, so that a callback may arm and disarm any timer. */
static void
take_due (WsWheel *wheel, WsTimer **slot, WsTimer **due)
{
  WsTimer *next;

  for (WsTimer *timer = *slot; timer != NULL; timer = next)
    {
      next = timer->next;
      if (timer->tick > wheel->now)
        continue;

      ws_wheel_disarm (timer);
      push (due, timer);
    }
}

void
ws_wheel_advance (WsWheel *wheel, gint64 now_us, WsTimerFunc func, gpointer user_data)
{
  guint64 target = now_us / wheel->tick_us;
  guint64 first = wheel->now + 1;
  WsTimer *due = NULL;

  if (target <= wheel->now)
    return;

  wheel->now = target;
  if (target - first >= SLOTS)
    first = target - SLOTS + 1; /* one revolution is enough, as it visits each slot */
  for (guint64 tick = first; tick <= target; tick++)
    take_due (wheel, &wheel->slots[tick % SLOTS], &due);

  while (due != NULL)
    {
      WsTimer *timer = due;

      ws_wheel_disarm (timer);
      func (timer, user_data);
    }
}

gint64
ws_wheel_get_next_us (const WsWheel *wheel)
{
  for (guint64 tick = wheel->now + 1; tick <= wheel->now + SLOTS; tick++)
    if (wheel->slots[tick % SLOTS] != NULL)
      return tick * wheel->tick_us;

  return -1;
}
