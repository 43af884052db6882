/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Publishes a fixed text periodically. */

#include "rd-notifier.h"

#include <string.h>

struct _RdNotifier
{
  RdBus *bus; /* owned */
  char *text; /* owned */
  gint64 interval_us;
  gint64 due_us; /* CLOCK_MONOTONIC: next notification */
  guint timer_id;
};

static void schedule (RdNotifier *notifier, gint64 now_us);

/* Publishes the text. Adds whole intervals to the due time, so that delays do not accumulate. */
static void
on_timer (gpointer user_data)
{
  RdNotifier *notifier = user_data;
  const gint64 now_us = g_get_monotonic_time ();
  const gint64 missed = MAX (now_us - notifier->due_us, 0) / notifier->interval_us;
  RdMessage message = { .topic = RD_TOPIC_BROADCAST,
                        .opcode = WS_OPCODE_TEXT,
                        .data = (const guint8 *) notifier->text,
                        .size = strlen (notifier->text) };

  notifier->due_us += (missed + 1) * notifier->interval_us;
  schedule (notifier, now_us);
  rd_bus_publish_locked (notifier->bus, &message, notifier->interval_us);
}

static void
schedule (RdNotifier *notifier, gint64 now_us)
{
  const gint64 wait_us = MAX (notifier->due_us - now_us, 0);

  /* rounded up, so that the timer does not fire early */
  notifier->timer_id = g_timeout_add_once ((wait_us + 999) / 1000, on_timer, notifier);
}

RdNotifier *
rd_notifier_new (RdBus *bus, gint64 interval_us, const char *message, gint64 due_us)
{
  const gint64 now_us = g_get_monotonic_time ();
  RdNotifier *notifier = g_new0 (RdNotifier, 1);

  notifier->bus = g_object_ref (bus);
  notifier->text = g_strdup (message);
  notifier->interval_us = interval_us;
  notifier->due_us = RD_NOTIFIER_NEVER;
  if (interval_us == 0)
    return notifier;

  notifier->due_us = MIN (now_us + interval_us, due_us);
  schedule (notifier, now_us);
  return notifier;
}

gint64
rd_notifier_get_due_us (const RdNotifier *notifier)
{
  return notifier->due_us;
}

void
rd_notifier_free (RdNotifier *notifier)
{
  g_clear_handle_id (&notifier->timer_id, g_source_remove);
  g_object_unref (notifier->bus);
  g_free (notifier->text);
  g_free (notifier);
}
