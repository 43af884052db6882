/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Metrics in the text format of Prometheus. Numbers are read from their owners when somebody asks,
 * so that nobody has to report them; only refusals and hand-overs that failed, which are nobody
 * else's, are counted here. Never changes anything it shows. */

#include "rd-metrics.h"

struct _RdMetrics
{
  RdManager *manager;        /* owned */
  RdDrain *drain;            /* owned */
  RdBus *bus;                /* owned */
  RdHandoverReport handover; /* the last one */
  guint64 refused[RD_REFUSED_N];
  guint64 failed_handovers;
};

/* What the other totals are packed as: by the reason. No reason is called like that. */
#define FAILED_HANDOVERS "failed-handovers"

static const char *const refused_names[RD_REFUSED_N] = {
  [RD_REFUSED_FULL] = "full",       [RD_REFUSED_DRAINING] = "draining",
  [RD_REFUSED_ORIGIN] = "origin",   [RD_REFUSED_HANDSHAKE] = "handshake",
  [RD_REFUSED_TIMEOUT] = "timeout", [RD_REFUSED_DESCRIPTORS] = "descriptors",
};

RdMetrics *
rd_metrics_new (RdManager *manager, RdDrain *drain, RdBus *bus)
{
  RdMetrics *metrics = g_new0 (RdMetrics, 1);

  metrics->manager = g_object_ref (manager);
  metrics->drain = g_object_ref (drain);
  metrics->bus = g_object_ref (bus);
  metrics->handover.generation = 1;
  return metrics;
}

void
rd_metrics_free (RdMetrics *metrics)
{
  g_object_unref (metrics->manager);
  g_object_unref (metrics->drain);
  g_object_unref (metrics->bus);
  g_free (metrics);
}

void
rd_metrics_count_refused (RdMetrics *metrics, RdRefused why)
{
  metrics->refused[why]++;
}

void
rd_metrics_set_handover (RdMetrics *metrics, const RdHandoverReport *report)
{
  metrics->handover = *report;
}

void
rd_metrics_count_failed_handover (RdMetrics *metrics)
{
  metrics->failed_handovers++;
}

GVariant *
rd_metrics_pack (RdMetrics *metrics)
{
  GVariantBuilder totals;

  g_variant_builder_init (&totals, G_VARIANT_TYPE ("a{st}"));
  for (guint i = 0; i < RD_REFUSED_N; i++)
    g_variant_builder_add (&totals, "{st}", refused_names[i], metrics->refused[i]);
  g_variant_builder_add (&totals, "{st}", FAILED_HANDOVERS, metrics->failed_handovers);
  return g_variant_builder_end (&totals);
}

void
rd_metrics_unpack (RdMetrics *metrics, GVariant *totals)
{
  for (guint i = 0; i < RD_REFUSED_N; i++)
    g_variant_lookup (totals, refused_names[i], "t", &metrics->refused[i]);
  g_variant_lookup (totals, FAILED_HANDOVERS, "t", &metrics->failed_handovers);
}

static void
add_head (GString *out, const char *name, const char *type, const char *help)
{
  g_string_append_printf (out, "# HELP ringdown_%s %s\n# TYPE ringdown_%s %s\n", name, help, name,
                          type);
}

static void
add (GString *out, const char *name, const char *type, const char *help, guint64 value)
{
  add_head (out, name, type, help);
  g_string_append_printf (out, "ringdown_%s %" G_GUINT64_FORMAT "\n", name, value);
}

static void
add_refused (GString *out, const RdMetrics *metrics)
{
  add_head (out, "connections_refused_total", "counter",
            "Connections that did not become clients.");
  for (guint i = 0; i < RD_REFUSED_N; i++)
    g_string_append_printf (
      out, "ringdown_connections_refused_total{reason=\"%s\"} %" G_GUINT64_FORMAT "\n",
      refused_names[i], metrics->refused[i]);
}

static void
add_closed (GString *out, const WsCounters *counters)
{
  char code[8];

  add_head (out, "clients_closed_total", "counter", "Clients that left, by close code.");
  for (guint i = 0; i < WS_CLOSE_SLOTS; i++)
    {
      if (counters->closed[i] == 0)
        continue;
      ws_close_slot_format (i, code);
      g_string_append_printf (out,
                              "ringdown_clients_closed_total{code=\"%s\"} %" G_GUINT64_FORMAT "\n",
                              code, counters->closed[i]);
    }
}

static void
append_seconds (GString *out, const char *name, gint64 us)
{
  char seconds[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd (seconds, sizeof seconds, "%.6f", us / (double) G_USEC_PER_SEC);
  g_string_append_printf (out, "ringdown_%s %s\n", name, seconds);
}

static void
add_flush (GString *out, const WsCounters *counters)
{
  add_head (out, "flush_seconds", "summary", "Time spent sending the log to clients, by pass.");
  append_seconds (out, "flush_seconds_sum", counters->flush_us);
  g_string_append_printf (out, "ringdown_flush_seconds_count %" G_GUINT64_FORMAT "\n",
                          counters->flush_passes);
}

static void
add_handover (GString *out, const RdMetrics *metrics)
{
  const RdHandoverReport *last = &metrics->handover;

  add (out, "generation", "gauge", "1, and one more for each process that has gone on since.",
       last->generation);
  add (out, "handover_moved_clients", "gauge", "Clients that this process went on with.",
       last->moved);
  add (out, "handover_closed_clients", "gauge", "Clients that were closed with 1012 or 1013 then.",
       last->closed);
  add (out, "handover_lost_clients", "gauge", "Clients that were cut off then.", last->lost);
  add_head (out, "handover_pause_seconds", "gauge", "For how long nobody was served then.");
  append_seconds (out, "handover_pause_seconds", last->pause_us);
  add (out, "handovers_failed_total", "counter", "Hand-overs that came to nothing.",
       metrics->failed_handovers);
}

static void
add_bus (GString *out, RdBus *bus)
{
  RdBusStats stats;

  rd_bus_get_stats (bus, &stats);
  if (!stats.is_shared)
    return;

  add (out, "redis_up", "gauge", "1 while messages of other workers come in, else 0.", stats.is_up);
  add (out, "redis_connects_total", "counter", "How often the connection was made.",
       stats.connects);
  add (out, "redis_sent_total", "counter", "Messages that Redis has taken for the other workers.",
       stats.sent);
  add (out, "redis_received_total", "counter", "Messages of others, through Redis.",
       stats.received);
  add (out, "redis_pending_messages", "gauge", "Messages that wait for Redis.", stats.pending);
  add (out, "redis_pending_bytes", "gauge", "Memory they take.", stats.pending_bytes);
  add (out, "redis_dropped_total", "counter",
       "Messages that Redis may not have got, or that came from it and were too long.",
       stats.dropped);
  add (out, "redis_repeated_total", "counter", "Messages that came again, and were left out.",
       stats.repeated);
  add (out, "redis_gaps_total", "counter",
       "How often the stream was cut off before it was read here.", stats.gaps);
  add (out, "redis_missed_total", "counter", "Messages that were cut off, as far as it is known.",
       stats.missed);
}

char *
rd_metrics_render (RdMetrics *metrics)
{
  GString *out = g_string_new (NULL);
  WsEngineStats stats;
  const WsCounters *counters;

  ws_engine_get_stats (rd_manager_get_engine (metrics->manager), &stats);
  counters = stats.counters;

  add_head (out, "build_info", "gauge", "The version that runs.");
  g_string_append (out, "ringdown_build_info{version=\"" RINGDOWN_VERSION "\"} 1\n");
  add (out, "clients", "gauge", "Clients connected now.",
       rd_manager_get_connections (metrics->manager));
  add (out, "clients_peak", "gauge", "Most clients at one time.", counters->peak);
  add (out, "clients_accepted_total", "counter", "Clients ever let in.", counters->accepted);
  add_refused (out, metrics);
  add_closed (out, counters);
  add (out, "slow_clients_closed_total", "counter", "Clients that fell off the log.",
       counters->slow_closed);
  add (out, "messages_received_total", "counter", "Messages from clients.", counters->messages_in);
  add (out, "messages_published_total", "counter", "Messages appended to the log.",
       stats.published);
  add (out, "messages_delivered_total", "counter", "Messages sent whole, one for each client.",
       counters->delivered);
  add (out, "received_bytes_total", "counter", "Bytes read from clients.", counters->bytes_in);
  add (out, "sent_bytes_total", "counter", "Bytes written to clients.", counters->bytes_out);
  add_flush (out, counters);
  add (out, "log_bytes", "gauge", "Bytes of messages the log holds.", stats.log_used);
  add (out, "log_size_bytes", "gauge", "Bytes the log can hold.", stats.log_size);
  add (out, "draining", "gauge", "1 while the service drains, else 0.",
       !rd_drain_is_running (metrics->drain));
  add (out, "drain_left_seconds", "gauge", "Time until the rest is closed; 0: not draining.",
       rd_drain_get_seconds_left (metrics->drain));
  add_handover (out, metrics);
  add_bus (out, metrics->bus);
  return g_string_free (out, FALSE);
}
