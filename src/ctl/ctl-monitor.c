/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The command "monitor": prints client events, message counts and state changes as they happen. */

#include <glib/gi18n.h>

#include "ctl-command.h"
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
  RdDBusServer1 *service; /* unowned: outlives us */
  CtlOutput *output;      /* unowned: outlives us */
  CtlWatch *watch;        /* unowned: outlives us */
  gint64 tick_us;         /* CLOCK_MONOTONIC: time of the last on_tick() */
  Counts counts;          /* message totals at the last tick */
  Counts rates;           /* messages per second at the last tick */
  char *state;            /* owned, nullable: last printed state */
  guint generation;       /* last printed generation number of the worker */
  gboolean is_late;       /* an upgrade was found at the last tick, but is not reported yet */
  guint most_clients;     /* largest number of clients so far */
} Monitor;

/* Prints an event with the current time, as text or JSON. @text: (transfer full). @fields: JSON
 * members, as a format for g_variant_new_parsed() without braces. */
static void
print_event (Monitor *self, char *text, const char *fields, ...)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *time = g_date_time_format (now, "%H:%M:%S");
  g_autofree char *owned = text;
  g_autofree char *line = g_strdup_printf ("%s %s", time, text);
  const guint width = ctl_output_get_width (self->output);
  g_autofree char *cut = rd_text_cut (line, width > 0 ? width : G_MAXUINT);
  g_autofree char *format = g_strdup_printf ("{'time': <@x %" G_GINT64_FORMAT ">, %s}",
                                             g_get_real_time (), fields);
  GVariant *json;
  va_list args;

  va_start (args, fields);
  json = g_variant_new_parsed_va (format, &args);
  va_end (args);
  ctl_output_print_result (self->output, cut, "%*", json);
}

static void
show_status (Monitor *self)
{
  const guint clients = rd_dbus_server1_get_connections (self->service);
  g_autofree char *state = ctl_format_state (self->state);
  g_autofree char *published = ctl_format_number (self->rates.published);
  g_autofree char *delivered = ctl_format_number (self->rates.delivered);
  g_autofree char *text = NULL;

  self->most_clients = MAX (self->most_clients, clients);
  if (g_str_equal (self->state, "draining"))
    text = ctl_format_drain (self->service, self->most_clients);
  else
    /* Translators: a state, a client count, and two numbers of messages per second */
    text = g_strdup_printf (_ ("%s, clients: %u, published: %s/s, delivered: %s/s"), state, clients,
                            published, delivered);
  ctl_output_set_status (self->output, ctl_colour_of_state (self->state), text);
}

static void
print_state (Monitor *self)
{
  const guint clients = rd_dbus_server1_get_connections (self->service);
  g_autofree char *state = ctl_format_state (self->state);

  print_event (self,
               /* Translators: the name of the service on D-Bus, its state, and its client count */
               g_strdup_printf (ngettext ("%s: %s, %u client", "%s: %s, %u clients", clients),
                                g_dbus_proxy_get_name (G_DBUS_PROXY (self->service)), state,
                                clients),
               "'event': <'state'>, 'state': <%s>, 'connections': <%u>", self->state, clients);
}

/* Prints the report of an upgrade when the new worker has set pause_us, which it sets after all
 * other values. If pause_us is still 0 after the next tick, prints the report anyway. */
static void
look_for_upgrade (Monitor *self)
{
  const CtlHandover handover = ctl_get_handover (self->service);
  const guint generation = rd_dbus_server1_get_generation (self->service);

  if (generation == self->generation || (handover.pause_us == 0 && !self->is_late))
    return;

  self->generation = generation;
  self->is_late = FALSE;
  print_event (
    self,
    /* Translators: the number of the worker process, client counts, and the time during which
     * no client was served */
    g_strdup_printf (
      _ ("upgraded to generation %u: clients: %u moved, %u closed, %u lost; pause %.1f ms"),
      self->generation, handover.moved, handover.closed, handover.lost, handover.pause_us / 1000.0),
    "'event': <'upgraded'>, 'generation': <%u>, " CTL_HANDOVER_JSON, self->generation,
    handover.moved, handover.closed, handover.lost, handover.pause_us);
}

static void
on_properties (gpointer user_data)
{
  Monitor *self = user_data;
  const char *state = rd_dbus_server1_get_state (self->service);

  look_for_upgrade (self);
  if (g_strcmp0 (state, self->state) != 0)
    {
      g_free (self->state);
      self->state = g_strdup (state);
      print_state (self);
    }
  show_status (self);
}

static void
on_client_connected (gpointer user_data, guint64 id, const char *remote)
{
  g_autofree char *number = ctl_format_number (id);
  g_autofree char *from = rd_text_printable (remote, MAX_REMOTE_CHARS);

  print_event (user_data,
               /* Translators: the ID of a client, and its address */
               g_strdup_printf (_ ("client %s connected from %s"), number, from),
               "'event': <'client-connected'>, 'id': <%t>, 'remote': <%s>", id, remote);
}

static void
on_client_disconnected (gpointer user_data, guint64 id, guint code)
{
  g_autofree char *number = ctl_format_number (id);

  print_event (user_data,
               /* Translators: the ID of a client, and a close code */
               g_strdup_printf (_ ("client %s disconnected with code %u"), number, code),
               "'event': <'client-disconnected'>, 'id': <%t>, 'code': <%u>", id, code);
}

static void
on_progress (gpointer user_data, guint clients, guint seconds_left)
{
  Monitor *self = user_data;

  if (ctl_output_is_live (self->output)) /* the status line shows the progress */
    return;

  print_event (self, ctl_format_remaining (clients, seconds_left),
               "'event': <'drain-progress'>, 'connections': <%u>, 'drain_seconds_left': <%u>",
               clients, seconds_left);
}

static const CtlWatchEvents events = {
  .properties = on_properties,
  .client_connected = on_client_connected,
  .client_disconnected = on_client_disconnected,
  .drain_progress = on_progress,
};

static void
print_messages (Monitor *self)
{
  g_autofree char *published = ctl_format_number (self->counts.published);
  g_autofree char *delivered = ctl_format_number (self->counts.delivered);

  if (ctl_output_is_live (self->output)) /* the status line shows the counts */
    return;

  print_event (
    self, g_strdup_printf (_ ("messages: %s published, %s delivered"), published, delivered),
    "'event': <'messages'>, 'messages_published': <%t>, 'messages_delivered': <%t>,"
    " 'published_per_second': <%t>, 'delivered_per_second': <%t>",
    self->counts.published, self->counts.delivered, self->rates.published, self->rates.delivered);
}

static Counts
get_counts (Monitor *self)
{
  return (Counts){ .published = rd_dbus_server1_get_messages_published (self->service),
                   .delivered = rd_dbus_server1_get_messages_delivered (self->service) };
}

/* Returns: the increase of a counter per second, rounded. */
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
    ctl_watch_stop (self->watch);
  if (rd_dbus_server1_get_state (self->service) == NULL) /* no worker owns the bus name */
    return G_SOURCE_CONTINUE;

  look_for_upgrade (self);
  self->is_late = rd_dbus_server1_get_generation (self->service) != self->generation;
  self->counts = get_counts (self);
  self->rates.published = rate (self->counts.published, before.published, elapsed_us);
  self->rates.delivered = rate (self->counts.delivered, before.delivered, elapsed_us);
  self->tick_us = now_us;
  if (self->counts.published != before.published || self->counts.delivered != before.delivered)
    print_messages (self);
  show_status (self);
  return G_SOURCE_CONTINUE;
}

gboolean
ctl_monitor (const CtlArguments *arguments, CtlOutput *output, GError **error)
{
  g_autoptr (RdDBusServer1) service = ctl_service_new (arguments, TRUE, error);
  g_autoptr (CtlWatch) watch = NULL;
  Monitor self = { .service = service, .output = output };
  CtlWatchEnd end;
  guint tick_id;

  if (service == NULL)
    return FALSE;
  watch = ctl_watch_new (service, &events, &self, error);
  if (watch == NULL)
    return FALSE;

  self.watch = watch;
  self.generation = rd_dbus_server1_get_generation (service);
  self.counts = get_counts (&self);
  self.tick_us = g_get_monotonic_time ();
  tick_id = g_timeout_add_seconds (TICK_INTERVAL_S, on_tick, &self);

  end = ctl_watch_run (watch, error);
  if (end == CTL_WATCH_DRAINED)
    print_event (&self,
                 /* Translators: the name of the service on D-Bus */
                 g_strdup_printf (_ ("%s: ended"), g_dbus_proxy_get_name (G_DBUS_PROXY (service))),
                 "'event': <'ended'>");
  g_source_remove (tick_id);
  g_free (self.state);
  return end != CTL_WATCH_FAILED;
}
