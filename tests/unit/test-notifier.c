/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The periodic notification. */

#include <string.h>

#include "crowd.h"
#include "rd-bus.h"
#include "rd-notifier.h"

#define INTERVAL_US (40 * 1000)
#define LONG_US     (600 * G_USEC_PER_SEC)

typedef struct
{
  Crowd *crowd; /* empty: for the main loop */
  RdBus *bus;
  GArray *times_us; /* gint64: time of each notification */
  const char *text;
} Listener;

static void
on_message (Listener *listener, RdMessage *message)
{
  const gint64 now_us = g_get_monotonic_time ();

  g_assert_cmpstr (message->topic, ==, RD_TOPIC_BROADCAST);
  g_assert_cmpint (message->opcode, ==, WS_OPCODE_TEXT);
  g_assert_cmpmem (message->data, message->size, listener->text, strlen (listener->text));
  g_array_append_val (listener->times_us, now_us);
}

static void
set_up (Listener *listener, gconstpointer data)
{
  listener->crowd = crowd_new (NULL);
  listener->bus = rd_bus_new ();
  listener->times_us = g_array_new (FALSE, FALSE, sizeof (gint64));
  listener->text = "🛰 Test notification";
  g_signal_connect_swapped (listener->bus, "message", G_CALLBACK (on_message), listener);
}

static void
tear_down (Listener *listener, gconstpointer data)
{
  g_assert_finalize_object (listener->bus); /* the notifier holds no reference */
  g_array_unref (listener->times_us);
  crowd_free (listener->crowd);
}

static gboolean
on_time_over (gpointer user_data)
{
  gboolean *is_over = user_data;

  *is_over = TRUE;
  return G_SOURCE_REMOVE;
}

static void
wait_three_intervals (Listener *listener)
{
  gboolean is_over = FALSE;

  g_timeout_add (3 * INTERVAL_US / 1000, on_time_over, &is_over);
  CROWD_WAIT_FOR (listener->crowd, is_over);
}

static void
notification_comes_after_each_interval (Listener *listener, gconstpointer data)
{
  const gint64 begin_us = g_get_monotonic_time ();
  g_autoptr (RdNotifier) notifier = rd_notifier_new (listener->bus, INTERVAL_US, listener->text,
                                                     RD_NOTIFIER_NEVER);

  CROWD_WAIT_FOR (listener->crowd, listener->times_us->len == 3);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpint (g_array_index (listener->times_us, gint64, i), >=,
                     begin_us + (i + 1) * INTERVAL_US);
}

static void
freed_notifier_publishes_nothing (Listener *listener, gconstpointer data)
{
  RdNotifier *notifier = rd_notifier_new (listener->bus, INTERVAL_US, listener->text,
                                          RD_NOTIFIER_NEVER);

  CROWD_WAIT_FOR (listener->crowd, listener->times_us->len == 1);
  rd_notifier_free (notifier);
  wait_three_intervals (listener);
  g_assert_cmpuint (listener->times_us->len, ==, 1);
}

static void
interval_of_0_is_off (Listener *listener, gconstpointer data)
{
  g_autoptr (RdNotifier) notifier = rd_notifier_new (listener->bus, 0, listener->text,
                                                     RD_NOTIFIER_NEVER);

  wait_three_intervals (listener);
  g_assert_cmpuint (listener->times_us->len, ==, 0);
  g_assert_cmpint (rd_notifier_get_due_us (notifier), ==, RD_NOTIFIER_NEVER);
}

/* Delays of single notifications do not add up. */
static void
due_time_does_not_drift (Listener *listener, gconstpointer data)
{
  g_autoptr (RdNotifier) notifier = rd_notifier_new (listener->bus, INTERVAL_US, listener->text,
                                                     RD_NOTIFIER_NEVER);
  const gint64 first_us = rd_notifier_get_due_us (notifier);

  CROWD_WAIT_FOR (listener->crowd, listener->times_us->len == 4);
  g_assert_cmpint (rd_notifier_get_due_us (notifier), >=, first_us + 4 * INTERVAL_US);
  g_assert_cmpint ((rd_notifier_get_due_us (notifier) - first_us) % INTERVAL_US, ==, 0);
}

static void
first_notification_comes_when_it_is_due (Listener *listener, gconstpointer data)
{
  const gint64 due_us = g_get_monotonic_time () + INTERVAL_US / 4;
  g_autoptr (RdNotifier) notifier = rd_notifier_new (listener->bus, LONG_US, listener->text,
                                                     due_us);

  g_assert_cmpint (rd_notifier_get_due_us (notifier), ==, due_us);
  CROWD_WAIT_FOR (listener->crowd, listener->times_us->len == 1);
  g_assert_cmpint (g_array_index (listener->times_us, gint64, 0), >=, due_us);
  g_assert_cmpint (rd_notifier_get_due_us (notifier), ==, due_us + LONG_US);
}

/* The old worker may have had a longer interval. */
static void
first_notification_comes_within_one_interval (Listener *listener, gconstpointer data)
{
  const gint64 begin_us = g_get_monotonic_time ();
  g_autoptr (RdNotifier) notifier = rd_notifier_new (listener->bus, INTERVAL_US, listener->text,
                                                     begin_us + LONG_US);

  g_assert_cmpint (rd_notifier_get_due_us (notifier), >=, begin_us + INTERVAL_US);
  g_assert_cmpint (rd_notifier_get_due_us (notifier), <=, g_get_monotonic_time () + INTERVAL_US);
}

/* A due time before the machine was booted is negative. */
static void
missed_notifications_come_as_one_at_once (Listener *listener, gconstpointer data)
{
  const gint64 begin_us = g_get_monotonic_time ();
  const gint64 intervals = begin_us / LONG_US + 2;
  const gint64 due_us = begin_us - intervals * LONG_US - LONG_US / 2;
  g_autoptr (RdNotifier) notifier = rd_notifier_new (listener->bus, LONG_US, listener->text,
                                                     due_us);

  CROWD_WAIT_FOR (listener->crowd, listener->times_us->len == 1);
  g_assert_cmpint (g_array_index (listener->times_us, gint64, 0), <, begin_us + LONG_US / 2);
  g_assert_cmpint (rd_notifier_get_due_us (notifier), ==, due_us + (intervals + 1) * LONG_US);
  wait_three_intervals (listener);
  g_assert_cmpuint (listener->times_us->len, ==, 1);
}

#define ADD(path, function) g_test_add (path, Listener, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("/notifier/interval", notification_comes_after_each_interval);
  ADD ("/notifier/freed", freed_notifier_publishes_nothing);
  ADD ("/notifier/off", interval_of_0_is_off);
  ADD ("/notifier/drift", due_time_does_not_drift);
  ADD ("/notifier/due", first_notification_comes_when_it_is_due);
  ADD ("/notifier/due/far", first_notification_comes_within_one_interval);
  ADD ("/notifier/due/past", missed_notifications_come_as_one_at_once);

  return g_test_run ();
}
