/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The periodic notification. Knows a rhythm and a text, and publishes the one at the pace of the
 * other for as long as it lives. Who gets it, and whether several workers take turns, is the
 * bus's. */

#include "rd-notifier.h"

#include <string.h>

struct _RdNotifier
{
  RdBus *bus; /* owned */
  char *text; /* owned */
  gint64 interval_us;
  guint timer_id;
};

static gboolean
on_timer (gpointer user_data)
{
  RdNotifier *notifier = user_data;
  RdMessage message = { .topic = RD_TOPIC_BROADCAST,
                        .opcode = WS_OPCODE_TEXT,
                        .data = (const guint8 *) notifier->text,
                        .size = strlen (notifier->text) };

  rd_bus_publish_in_turn (notifier->bus, &message, notifier->interval_us);
  return G_SOURCE_CONTINUE;
}

RdNotifier *
rd_notifier_new (RdBus *bus, gint64 interval_us, const char *message)
{
  RdNotifier *notifier = g_new0 (RdNotifier, 1);

  notifier->bus = g_object_ref (bus);
  notifier->text = g_strdup (message);
  notifier->interval_us = interval_us;
  if (interval_us > 0)
    notifier->timer_id = g_timeout_add (interval_us / 1000, on_timer, notifier);
  return notifier;
}

void
rd_notifier_free (RdNotifier *notifier)
{
  g_clear_handle_id (&notifier->timer_id, g_source_remove);
  g_object_unref (notifier->bus);
  g_free (notifier->text);
  g_free (notifier);
}
