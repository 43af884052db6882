/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Sends messages. Closed loop: a sender sends its next message when it has received one of its own,
 * so that a fixed number is in flight. Open loop: messages are due at a fixed rate, and stamped
 * with the time they were due, so that a stall of the server counts for all messages that waited. A
 * run starts with a warm-up, and ends with waiting for late messages. */

#include "load-traffic.h"

#include "load-probe.h"
#include "stamp.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum
{
  LATE_US = 2 * G_USEC_PER_SEC, /* missing messages are lost after this long without a delivery */
  CHECK_US = 20 * 1000,
};

typedef struct
{
  LoadSwarm *swarm;           /* unowned */
  LoadStats *stats;           /* owned */
  LoadWindow *rest;           /* owned: counts outside the measured time */
  const LoadOptions *options; /* unowned */
  gboolean sending;
  guint next;      /* open loop: the next sender */
  gint64 start_us; /* open loop: time at which the first message was due */
  guint64 n_due;   /* open loop: messages sent since then */
  guint8 *payload; /* owned: a stamp and padding */
  guint8 *frame;   /* owned */
} Sending;

LoadTraffic *
load_traffic_new (void)
{
  LoadTraffic *traffic = g_new0 (LoadTraffic, 1);

  traffic->silences = g_ptr_array_new_with_free_func ((GDestroyNotify) load_silence_free);
  return traffic;
}

void
load_traffic_free (LoadTraffic *traffic)
{
  g_ptr_array_unref (traffic->silences);
  g_free (traffic);
}

static void
sending_clear (Sending *sending)
{
  g_clear_pointer (&sending->stats, load_stats_free);
  g_free (sending->rest);
  g_free (sending->payload);
  g_free (sending->frame);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Sending, sending_clear)

static void
send_message (Sending *sending, LoadClient *client, gint64 time_us)
{
  const Stamp stamp = {
    .sender = client->sender,
    .sequence = load_stats_note_sent (sending->stats, client->sender),
    .time_us = time_us,
  };

  stamp_write (sending->payload, sending->stats->tag, &stamp);
  load_client_send (
    client, sending->frame,
    load_client_encode (sending->frame, WIRE_TEXT, sending->payload, sending->options->size));
}

static void
on_echoed (gpointer user_data, LoadClient *client, guint n)
{
  Sending *sending = user_data;
  gint64 now_us = g_get_monotonic_time ();

  if (!sending->sending || sending->options->in_flight == 0 || client->state != LOAD_CLIENT_OPEN)
    return;
  for (guint i = 0; i < n; i++)
    send_message (sending, client, now_us);
}

/* Returns a sender. Senders are spread evenly over the clients, since a server may send to clients
 * in order. */
static LoadClient *
get_sender (const Sending *sending, guint sender)
{
  guint64 clients = sending->options->n_near;

  return load_swarm_get_client (sending->swarm,
                                (2 * sender + 1) * clients / (2 * sending->options->n_senders));
}

/* Sends the first messages, each sender its share of those in flight. */
static void
start_closed_loop (Sending *sending)
{
  const LoadOptions *options = sending->options;

  for (guint i = 0; i < options->in_flight; i++)
    {
      LoadClient *client = get_sender (sending, i % options->n_senders);

      if (client->state == LOAD_CLIENT_OPEN)
        send_message (sending, client, g_get_monotonic_time ());
    }
}

static gint64
get_due_us (const Sending *sending)
{
  return sending->start_us + sending->n_due * 1e6 / sending->options->rate;
}

/* Returns: (nullable): the next sender that is able to send. */
static LoadClient *
find_next_sender (Sending *sending)
{
  for (guint i = 0; i < sending->options->n_senders; i++)
    {
      LoadClient *client = get_sender (sending, sending->next++ % sending->options->n_senders);

      if (client->state == LOAD_CLIENT_OPEN && !load_client_is_blocked (client))
        return client;
    }
  return NULL;
}

/* Sends the messages that are due. Returns the time of the next one, @deadline_us at the latest. */
static gint64
send_due (Sending *sending, gint64 now_us, gint64 deadline_us)
{
  LoadClient *client;

  while (get_due_us (sending) <= now_us)
    {
      client = find_next_sender (sending);
      if (client == NULL)
        return deadline_us;
      send_message (sending, client, get_due_us (sending));
      sending->n_due++;
    }
  return MIN (deadline_us, get_due_us (sending));
}

static void
run_until (Sending *sending, gint64 deadline_us)
{
  gint64 now_us, wake_us;

  while ((now_us = g_get_monotonic_time ()) < deadline_us)
    {
      wake_us = deadline_us;
      if (sending->options->in_flight == 0)
        wake_us = send_due (sending, now_us, deadline_us);
      load_swarm_iterate (sending->swarm, wake_us);
    }
}

/* Waits for missing deliveries. Returns the number of lost ones. */
static guint64
await_late_messages (Sending *sending)
{
  guint64 deliveries = sending->rest->deliveries;
  gint64 last_us = g_get_monotonic_time ();
  guint64 missing = load_stats_count_missing (sending->stats);

  while (missing > 0 && g_get_monotonic_time () - last_us < LATE_US)
    {
      load_swarm_run (sending->swarm, g_get_monotonic_time () + CHECK_US);
      if (sending->rest->deliveries != deliveries)
        last_us = g_get_monotonic_time ();
      deliveries = sending->rest->deliveries;
      missing = load_stats_count_missing (sending->stats);
    }
  return missing;
}

/* Runs the windows of the measured time. The begin of each is printed to stderr, for a program that
 * acts on the server in some windows. */
static void
run_windows (Sending *sending, gint64 start_us, LoadTraffic *traffic)
{
  const LoadOptions *options = sending->options;

  for (guint i = 1; i <= options->n_windows; i++)
    {
      if (options->n_windows > 1)
        fprintf (stderr, "window %u of %u\n", i, options->n_windows);
      run_until (sending, start_us + options->duration_us * i / options->n_windows);
      g_ptr_array_add (traffic->silences,
                       load_stats_take_silence (sending->stats, g_get_monotonic_time ()));
    }
}

static gboolean
measure (Sending *sending, LoadTraffic *traffic, GError **error)
{
  const LoadOptions *options = sending->options;
  gint64 server_ns, own_ns, start_us, end_us;

  if (!load_probe_cpu (options->pid, &server_ns, error)
      || !load_probe_cpu (getpid (), &own_ns, error))
    return FALSE;
  start_us = g_get_monotonic_time ();
  load_stats_set_window (sending->stats, &traffic->measured, start_us);
  run_windows (sending, start_us, traffic);
  end_us = g_get_monotonic_time ();
  load_stats_set_window (sending->stats, sending->rest, end_us);
  if (!load_probe_cpu (options->pid, &traffic->server_cpu_ns, error)
      || !load_probe_cpu (getpid (), &traffic->own_cpu_ns, error))
    return FALSE;
  traffic->seconds = (end_us - start_us) / 1e6;
  traffic->server_cpu_ns -= server_ns;
  traffic->own_cpu_ns -= own_ns;
  return load_probe_memory (options->pid, &traffic->rss, &traffic->pss, error);
}

gboolean
load_traffic_run (LoadSwarm *swarm,
                  const LoadOptions *options,
                  LoadTraffic *traffic,
                  GError **error)
{
  g_auto (Sending) sending = { .swarm = swarm, .options = options, .sending = TRUE };
  gboolean measured;

  sending.rest = g_new0 (LoadWindow, 1);
  sending.stats = load_stats_new (options->n_clients, options->n_senders, g_random_int (),
                                  sending.rest);
  sending.stats->first_timed = options->far_url != NULL ? options->n_near : 0;
  sending.payload = g_malloc (options->size);
  memset (sending.payload, '.', options->size);
  sending.frame = g_malloc (options->size + WIRE_MAX_HEADER);
  for (guint i = 0; i < options->n_senders; i++)
    get_sender (&sending, i)->sender = i;

  load_swarm_set_traffic (swarm, sending.stats, on_echoed, &sending);
  sending.start_us = g_get_monotonic_time ();
  if (options->in_flight > 0)
    start_closed_loop (&sending);
  run_until (&sending, sending.start_us + options->warmup_us);
  measured = measure (&sending, traffic, error);
  sending.sending = FALSE;
  traffic->lost = await_late_messages (&sending);
  traffic->doubled = sending.stats->doubled;
  traffic->disordered = sending.stats->disordered;
  traffic->foreign = sending.stats->foreign;
  load_swarm_set_traffic (swarm, NULL, NULL, NULL);
  return measured;
}
