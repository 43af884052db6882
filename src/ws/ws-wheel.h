/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* A hashed timing wheel (Varghese and Lauck, 1987): the cost of arming, disarming and expiry does
 * not depend on the number of timers. Timers expire up to one tick late, never early. */
typedef struct _WsWheel WsWheel;

/* A timer, to be embedded in another structure. Initialize the timer with zeros. It must not move
 * in memory while it is armed. */
typedef struct _WsTimer WsTimer;
struct _WsTimer
{
  WsTimer *next;
  WsTimer **link; /* address of the pointer to this timer in the list; NULL if disarmed */
  guint64 tick;   /* tick at which the timer expires */
};

typedef void (*WsTimerFunc) (WsTimer *timer, gpointer user_data);

/* Creates a wheel. @tick_us: resolution. @now_us: current time of any monotonic clock.
 * Returns: (transfer full): the wheel; free with g_free(). */
WsWheel *ws_wheel_new (gint64 tick_us, gint64 now_us);

/* Arms or re-arms @timer (transfer none). A timer with a past deadline expires at the next tick. */
void ws_wheel_arm (WsWheel *wheel, WsTimer *timer, gint64 deadline_us);
void ws_wheel_disarm (WsTimer *timer);

/* Returns: the deadline of @timer, rounded up to a tick, or -1 if the timer is disarmed. */
gint64 ws_wheel_get_deadline_us (const WsWheel *wheel, const WsTimer *timer);

/* Disarms each timer that is due at @now_us and calls @func for it; @func may arm any timer. */
void ws_wheel_advance (WsWheel *wheel, gint64 now_us, WsTimerFunc func, gpointer user_data);

/* Returns: the time at which to call ws_wheel_advance() next, or -1 if no timer is armed. */
gint64 ws_wheel_get_next_us (const WsWheel *wheel);
