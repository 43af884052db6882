/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A hashed timing wheel (Varghese and Lauck, 1987): arming, disarming and expiry cost the same
 * however many timers there are. Deadlines are kept to a tick; none fires early. */
typedef struct _WsWheel WsWheel;

/* To be embedded; all zero is disarmed. An armed timer must not move in memory. */
typedef struct _WsTimer WsTimer;
struct _WsTimer
{
  WsTimer *next;
  WsTimer **link; /* what points at us; NULL: disarmed */
  guint64 tick;   /* fires when the wheel comes here */
};

typedef void (*WsTimerFunc) (WsTimer *timer, gpointer user_data);

/* @tick_us: the resolution; @now_us: any clock that only grows. */
WsWheel *ws_wheel_new (gint64 tick_us, gint64 now_us);
void ws_wheel_free (WsWheel *wheel);

/* Arms or re-arms @timer (transfer none). */
void ws_wheel_arm (WsWheel *wheel, WsTimer *timer, gint64 deadline_us);
void ws_wheel_disarm (WsTimer *timer);

/* Returns: when @timer fires, to the tick; -1 while it is disarmed. */
gint64 ws_wheel_get_deadline_us (const WsWheel *wheel, const WsTimer *timer);

/* Calls @func for each timer that is due; it is disarmed by then and may be armed again. */
void ws_wheel_advance (WsWheel *wheel, gint64 now_us, WsTimerFunc func, gpointer user_data);

/* Returns: when ws_wheel_advance() should be called next, or -1 while nothing is armed. */
gint64 ws_wheel_get_next_us (const WsWheel *wheel);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (WsWheel, ws_wheel_free)

G_END_DECLS
