/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The command “monitor”: tells what happens while it happens: clients, messages, state and drain. A
 * line for each event, JSON or text; on a terminal what changes all the time is on the status line
 * instead. Asks for nothing but the client signals, and changes nothing. */

#include <glib/gi18n.h>

#include "ctl-arguments.h"
#include "ctl-commands.h"
#include "ctl-error.h"
#include "ctl-handover.h"
#include "ctl-service.h"
#include "ctl-view.h"
#include "ctl-watch.h"
#include "rd-text.h"

#define TICK_INTERVAL_S  1
#define MAX_REMOTE_CHARS 80

typedef struct
{
  guint64 published;
  guint64 delivered;
} Counts;

typedef struct
{
  CtlService *service;  /* unowned: outlives us */
  RdDBusServer1 *proxy; /* unowned: of service */
  CtlOutput *output;    /* unowned: outlives us */
  CtlWatch *watch;      /* owned */
  guint tick_id;
  gint64 tick_us;   /* CLOCK_MONOTONIC: the last one */
  Counts counts;    /* then */
  Counts rates;     /* a second, between the last two */
  char *state;      /* owned: told last */
  guint generation; /* told last */
  gboolean is_late; /* the next one was not told at the last tick */
  guint most;       /* clients */
} Monitor;

static void
print_line (Monitor *self, const char *text)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *time = g_date_time_format (now, "%H:%M:%S");
  g_autofree char *line = g_strdup_printf ("%s %s", time, text);
  const guint width = ctl_output_get_width (self->output);
  g_autofree char *cut = rd_text_cut (line, width > 0 ? width : G_MAXUINT);

  ctl_output_print_line (self->output, cut);
}

static void
show_status (Monitor *self)
{
  const guint clients = rd_dbus_server1_get_connections (self->proxy);
  const guint seconds_left = rd_dbus_server1_get_drain_seconds_left (self->proxy);
  g_autofree char *word = ctl_view_state (self->state);
  g_autofree char *published = ctl_view_number (self->rates.published);
  g_autofree char *delivered = ctl_view_number (self->rates.delivered);
  g_autofree char *text = NULL;

  self->most = MAX (self->most, clients);
  if (g_str_equal (self->state, "draining"))
    text = ctl_view_drain (clients, self->most, seconds_left);
  else
    /* Translators: a state, a number of clients, and two numbers of messages */
    text = g_strdup_printf (_ ("%s, clients: %u, published: %s/s, delivered: %s/s"), word, clients,
                            published, delivered);
  ctl_output_set_status (self->output, ctl_view_colour_of_state (self->state), text);
}

static void
tell_state (Monitor *self)
{
  const guint clients = rd_dbus_server1_get_connections (self->proxy);
  g_autofree char *word = ctl_view_state (self->state);
  g_autofree char *text = NULL;

  if (ctl_output_is_json (self->output))
    {
      ctl_output_print_json (
        self->output, g_variant_new_parsed (
                        "{'time': <%x>, 'event': <'state'>, 'state': <%s>, 'connections': <%u>}",
                        g_get_real_time (), self->state, clients));
      return;
    }

  /* Translators: the name of the service on D-Bus, its state, and the number of its clients */
  text = g_strdup_printf (ngettext ("%s: %s, %u client", "%s: %s, %u clients", clients),
                          ctl_service_get_name (self->service), word, clients);
  print_line (self, text);
}

static void
tell_upgraded (Monitor *self)
{
  const CtlHandover handover = ctl_handover_get (self->proxy);
  g_autofree char *text = NULL;

  if (ctl_output_is_json (self->output))
    {
      GVariantBuilder event;

      g_variant_builder_init (&event, G_VARIANT_TYPE_VARDICT);
      g_variant_builder_add (&event, "{sv}", "time", g_variant_new_int64 (g_get_real_time ()));
      g_variant_builder_add (&event, "{sv}", "event", g_variant_new_string ("upgraded"));
      g_variant_builder_add (&event, "{sv}", "generation", g_variant_new_uint32 (self->generation));
      ctl_handover_add_json (&handover, &event);
      ctl_output_print_json (self->output, g_variant_builder_end (&event));
      return;
    }

  /* Translators: the number of the process, each of which took over from the one before; numbers of
   * clients; milliseconds in which nobody was served */
  text = g_strdup_printf (
    _ ("upgraded: generation %u, %u moved, %u closed, %u lost; pause %.1f ms"), self->generation,
    handover.moved, handover.closed, handover.lost, ctl_handover_get_pause_ms (&handover));
  print_line (self, text);
}

/* The service knows how long the pause was when it is over: a moment after we hear of the rest, or
 * never. */
static void
look_for_upgrade (Monitor *self)
{
  const CtlHandover handover = ctl_handover_get (self->proxy);
  const guint generation = rd_dbus_server1_get_generation (self->proxy);

  if (generation == self->generation || (handover.pause_us == 0 && !self->is_late))
    return;

  self->generation = generation;
  self->is_late = FALSE;
  tell_upgraded (self);
}

static void
on_properties (Monitor *self)
{
  const char *state = rd_dbus_server1_get_state (self->proxy);

  if (state == NULL) /* the process is gone, and the properties with it */
    return;

  look_for_upgrade (self);
  if (g_strcmp0 (state, self->state) != 0)
    {
      g_free (self->state);
      self->state = g_strdup (state);
      tell_state (self);
    }
  show_status (self);
}

static void
on_client_connected (Monitor *self, guint64 id, const char *remote)
{
  g_autofree char *number = ctl_view_number (id);
  g_autofree char *from = rd_text_printable (remote, MAX_REMOTE_CHARS);
  g_autofree char *text = NULL;

  if (ctl_output_is_json (self->output))
    {
      ctl_output_print_json (
        self->output, g_variant_new_parsed (
                        "{'time': <%x>, 'event': <'client-connected'>, 'id': <%t>, 'remote': <%s>}",
                        g_get_real_time (), id, remote));
      return;
    }

  /* Translators: the ID of a client, and its address */
  text = g_strdup_printf (_ ("client %s connected from %s"), number, from);
  print_line (self, text);
}

static void
on_client_disconnected (Monitor *self, guint64 id, guint code)
{
  g_autofree char *number = ctl_view_number (id);
  g_autofree char *text = NULL;

  if (ctl_output_is_json (self->output))
    {
      ctl_output_print_json (
        self->output,
        g_variant_new_parsed (
          "{'time': <%x>, 'event': <'client-disconnected'>, 'id': <%t>, 'code': <%u>}",
          g_get_real_time (), id, code));
      return;
    }

  /* Translators: the ID of a client, and a close code */
  text = g_strdup_printf (_ ("client %s disconnected with %u"), number, code);
  print_line (self, text);
}

static void
on_progress (Monitor *self, guint clients, guint seconds_left)
{
  g_autofree char *text = NULL;

  if (ctl_output_is_json (self->output))
    {
      ctl_output_print_json (
        self->output,
        g_variant_new_parsed ("{'time': <%x>, 'event': <'drain-progress'>, 'connections': <%u>, "
                              "'drain_seconds_left': <%u>}",
                              g_get_real_time (), clients, seconds_left));
      return;
    }
  if (ctl_output_is_live (self->output))
    return;

  text = ctl_view_remaining (clients, seconds_left);
  print_line (self, text);
}

static void
tell_messages (Monitor *self)
{
  g_autofree char *published = ctl_view_number (self->counts.published);
  g_autofree char *delivered = ctl_view_number (self->counts.delivered);
  g_autofree char *text = NULL;

  if (ctl_output_is_json (self->output))
    {
      ctl_output_print_json (
        self->output,
        g_variant_new_parsed ("{'time': <%x>, 'event': <'messages'>, 'messages_published': <%t>, "
                              "'messages_delivered': <%t>, 'published_per_second': <%t>, "
                              "'delivered_per_second': <%t>}",
                              g_get_real_time (), self->counts.published, self->counts.delivered,
                              self->rates.published, self->rates.delivered));
      return;
    }
  if (ctl_output_is_live (self->output))
    return;

  /* Translators: two numbers of messages */
  text = g_strdup_printf (_ ("messages: %s published, %s delivered"), published, delivered);
  print_line (self, text);
}

static Counts
get_counts (Monitor *self)
{
  const Counts counts = { .published = rd_dbus_server1_get_messages_published (self->proxy),
                          .delivered = rd_dbus_server1_get_messages_delivered (self->proxy) };

  return counts;
}

/* Returns: the change a second, rounded. */
static guint64
rate (guint64 now, guint64 before, gint64 elapsed_us)
{
  return now > before ? ((now - before) * G_USEC_PER_SEC + elapsed_us / 2) / elapsed_us : 0;
}

static gboolean
on_tick (gpointer user_data)
{
  Monitor *self = user_data;
  const gint64 now_us = g_get_monotonic_time ();
  const gint64 elapsed_us = MAX (now_us - self->tick_us, 1);
  const Counts before = self->counts;

  if (ctl_output_is_lost (self->output))
    {
      ctl_watch_stop (self->watch);
      return G_SOURCE_CONTINUE;
    }

  if (rd_dbus_server1_get_state (self->proxy) == NULL) /* its successor's will soon be there */
    return G_SOURCE_CONTINUE;

  look_for_upgrade (self);
  self->is_late = rd_dbus_server1_get_generation (self->proxy) != self->generation;
  self->counts = get_counts (self);
  self->rates.published = rate (self->counts.published, before.published, elapsed_us);
  self->rates.delivered = rate (self->counts.delivered, before.delivered, elapsed_us);
  self->tick_us = now_us;
  if (self->counts.published != before.published || self->counts.delivered != before.delivered)
    tell_messages (self);
  show_status (self);
  return G_SOURCE_CONTINUE;
}

static gboolean
tell_ended (Monitor *self, GError **error)
{
  g_autofree char *text = NULL;

  if (!g_str_equal (self->state, "drained"))
    {
      g_set_error (error, CTL_ERROR, CTL_ERROR_FAILED, _ ("%s ended before it was drained"),
                   ctl_service_get_name (self->service));
      return FALSE;
    }

  if (ctl_output_is_json (self->output))
    ctl_output_print_json (self->output, g_variant_new_parsed ("{'time': <%x>, 'event': <'ended'>}",
                                                               g_get_real_time ()));
  else
    {
      /* Translators: the name of the service on D-Bus */
      text = g_strdup_printf (_ ("%s: ended"), ctl_service_get_name (self->service));
      print_line (self, text);
    }
  return TRUE;
}

static gboolean
judge (Monitor *self, CtlWatchEnd end, GError **error)
{
  switch (end)
    {
    case CTL_WATCH_VANISHED:
      return tell_ended (self, error);
    case CTL_WATCH_STOPPED:
    case CTL_WATCH_INTERRUPTED:
    case CTL_WATCH_UNREAD:
      return TRUE;
    case CTL_WATCH_FAILED:
      return FALSE;
    }

  g_assert_not_reached ();
}

/* Subscribes, then asks, so that nothing is missed in between. */
static gboolean
start (Monitor *self, GError **error)
{
  self->watch = ctl_watch_new (self->service);
  ctl_watch_output (self->watch);
  if (!rd_dbus_server1_call_set_client_signals_sync (self->proxy, TRUE, NULL, error))
    return ctl_service_explain (self->service, error);
  if (!ctl_service_load (self->service, error))
    return FALSE;

  g_signal_connect_swapped (self->proxy, "g-properties-changed", G_CALLBACK (on_properties), self);
  g_signal_connect_swapped (self->proxy, "client-connected", G_CALLBACK (on_client_connected),
                            self);
  g_signal_connect_swapped (self->proxy, "client-disconnected", G_CALLBACK (on_client_disconnected),
                            self);
  g_signal_connect_swapped (self->proxy, "drain-progress", G_CALLBACK (on_progress), self);
  self->generation = rd_dbus_server1_get_generation (self->proxy);
  self->tick_us = g_get_monotonic_time ();
  self->counts = get_counts (self);
  self->tick_id = g_timeout_add_seconds (TICK_INTERVAL_S, on_tick, self);
  ctl_watch_signals (self->watch);
  on_properties (self);
  return TRUE;
}

static void
clear (Monitor *self)
{
  g_clear_handle_id (&self->tick_id, g_source_remove);
  g_signal_handlers_disconnect_by_data (self->proxy, self);
  g_clear_pointer (&self->watch, ctl_watch_free);
  g_free (self->state);
}

static gboolean
run (const CtlArguments *arguments, CtlOutput *output, GError **error)
{
  g_autoptr (CtlService) service = ctl_service_new (arguments, error);
  Monitor self = { .service = service, .output = output };
  gboolean is_good;

  if (service == NULL)
    return FALSE;

  self.proxy = ctl_service_get_proxy (service);
  is_good = start (&self, error);
  if (is_good)
    {
      CtlWatchEnd end = ctl_watch_run (self.watch, error);

      ctl_output_set_status (output, CTL_COLOUR_RED, NULL);
      is_good = judge (&self, end, error);
    }
  clear (&self);
  return is_good;
}

/* clang-format off */
const CtlCommand ctl_monitor_command = {
  .name = "monitor",
  .summary = N_ ("Show clients, messages and the drain as they happen"),
  .description =
    N_ ("Shows clients that come and go, messages, and the state of the service with its\n"
       "drain, as they happen, until Ctrl+C or the end of the service. It goes on\n"
       "through an upgrade."),
  .run = run,
};
/* clang-format on */
