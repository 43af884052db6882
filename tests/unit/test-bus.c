/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The bus of a single node: messages are delivered at once and in order. */

#include <string.h>

#include "rd-bus.h"

typedef struct
{
  RdBus *bus;
  GString *delivered;
} Listener;

static void
on_message (Listener *listener, RdMessage *message)
{
  g_string_append_printf (listener->delivered, "%s %d %.*s;", message->topic, message->opcode,
                          (int) message->size, (const char *) message->data);
  message->id = (WsId){ 7, listener->delivered->len };
}

static void
set_up (Listener *listener, gconstpointer data)
{
  listener->bus = rd_bus_new ();
  listener->delivered = g_string_new (NULL);
  g_signal_connect_swapped (listener->bus, "message", G_CALLBACK (on_message), listener);
}

static void
tear_down (Listener *listener, gconstpointer data)
{
  g_assert_finalize_object (listener->bus);
  g_string_free (listener->delivered, TRUE);
}

static WsId
publish (RdBus *bus, WsOpcode opcode, const char *text)
{
  RdMessage message = { .topic = RD_TOPIC_BROADCAST,
                        .opcode = opcode,
                        .data = (const guint8 *) text,
                        .size = strlen (text) };

  rd_bus_publish (bus, &message);
  return message.id;
}

static void
message_is_delivered_before_publish_returns (Listener *listener, gconstpointer data)
{
  WsId id = publish (listener->bus, WS_OPCODE_TEXT, "one");

  g_assert_cmpstr (listener->delivered->str, ==, "broadcast 1 one;");
  g_assert_cmpuint (id.ms, ==, 7); /* the listener's id */
  g_assert_cmpuint (id.seq, ==, listener->delivered->len);
  publish (listener->bus, WS_OPCODE_BINARY, "");
  g_assert_cmpstr (listener->delivered->str, ==, "broadcast 1 one;broadcast 2 ;");
}

static void
publish_once_more (Listener *listener, RdMessage *message)
{
  if (message->size > 0)
    publish (listener->bus, WS_OPCODE_TEXT, "");
}

static void
listener_may_publish (Listener *listener, gconstpointer data)
{
  g_signal_connect_swapped (listener->bus, "message", G_CALLBACK (publish_once_more), listener);
  publish (listener->bus, WS_OPCODE_TEXT, "one");
  g_assert_cmpstr (listener->delivered->str, ==, "broadcast 1 one;broadcast 1 ;");
}

static void
listener_is_optional (void)
{
  g_autoptr (RdBus) bus = rd_bus_new ();

  publish (bus, WS_OPCODE_TEXT, "unheard");
}

static void
buses_are_separate (Listener *listener, gconstpointer data)
{
  g_autoptr (RdBus) other = rd_bus_new ();

  publish (other, WS_OPCODE_TEXT, "elsewhere");
  g_assert_cmpstr (listener->delivered->str, ==, "");
}

static void
state_is_local (Listener *listener, gconstpointer data)
{
  g_autofree char *state = rd_bus_dup_state (listener->bus);

  g_assert_cmpstr (state, ==, "local");
}

static void
lock_is_always_ours (Listener *listener, gconstpointer data)
{
  RdMessage message = { .topic = RD_TOPIC_BROADCAST,
                        .opcode = WS_OPCODE_TEXT,
                        .data = (const guint8 *) "tick",
                        .size = 4 };

  rd_bus_publish_locked (listener->bus, &message, G_USEC_PER_SEC);
  rd_bus_publish_locked (listener->bus, &message, G_USEC_PER_SEC);
  g_assert_cmpstr (listener->delivered->str, ==, "broadcast 1 tick;broadcast 1 tick;");
}

static void
nothing_is_shared (Listener *listener, gconstpointer data)
{
  RdBusStats stats = { .is_shared = TRUE, .pending = 1 };

  publish (listener->bus, WS_OPCODE_TEXT, "one");
  rd_bus_get_stats (listener->bus, &stats);
  g_assert_false (stats.is_shared);
  g_assert_cmpuint (stats.pending, ==, 0);
}

#define ADD(path, function) g_test_add (path, Listener, NULL, set_up, function, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("/bus/publish", message_is_delivered_before_publish_returns);
  ADD ("/bus/publish/nested", listener_may_publish);
  ADD ("/bus/separate", buses_are_separate);
  ADD ("/bus/state", state_is_local);
  ADD ("/bus/locked", lock_is_always_ours);
  ADD ("/bus/stats", nothing_is_shared);
  g_test_add_func ("/bus/no-listener", listener_is_optional);

  return g_test_run ();
}
