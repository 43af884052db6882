/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The bus of a worker that is alone: what is published is delivered, at once and in order. */

#include <string.h>

#include "rd-local-bus.h"

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
  listener->bus = rd_local_bus_new ();
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
  g_assert_cmpuint (id.ms, ==, 7); /* what the listener gave it */
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
nobody_need_listen (void)
{
  g_autoptr (RdBus) bus = rd_local_bus_new ();

  publish (bus, WS_OPCODE_TEXT, "to nobody");
}

static void
each_bus_is_its_own (Listener *listener, gconstpointer data)
{
  g_autoptr (RdBus) other = rd_local_bus_new ();

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
every_turn_is_ours (Listener *listener, gconstpointer data)
{
  RdMessage message = { .topic = RD_TOPIC_BROADCAST,
                        .opcode = WS_OPCODE_TEXT,
                        .data = (const guint8 *) "tick",
                        .size = 4 };

  rd_bus_publish_in_turn (listener->bus, &message, G_USEC_PER_SEC);
  rd_bus_publish_in_turn (listener->bus, &message, G_USEC_PER_SEC);
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

  ADD ("/local-bus/publish", message_is_delivered_before_publish_returns);
  ADD ("/local-bus/publish/nested", listener_may_publish);
  ADD ("/local-bus/separate", each_bus_is_its_own);
  ADD ("/local-bus/state", state_is_local);
  ADD ("/local-bus/turns", every_turn_is_ours);
  ADD ("/local-bus/stats", nothing_is_shared);
  g_test_add_func ("/local-bus/nobody", nobody_need_listen);

  return g_test_run ();
}
