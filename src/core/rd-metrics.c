/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Metrics for Prometheus. Most values are read from other modules; RdMetrics stores the rest. */

#include "rd-metrics.h"

/* Keys in rd_metrics_pack(). The other keys are reasons in refused_names. */
#define FAILED_HANDOVERS "failed-handovers"
#define STARTED          "started"

static const char *const refused_names[RD_REFUSED_N] = {
  [RD_REFUSED_FULL] = "full",       [RD_REFUSED_DRAINING] = "draining",
  [RD_REFUSED_ORIGIN] = "origin",   [RD_REFUSED_HANDSHAKE] = "handshake",
  [RD_REFUSED_REQUEST] = "request", [RD_REFUSED_SIZE] = "size",
  [RD_REFUSED_PATH] = "path",       [RD_REFUSED_METHOD] = "method",
  [RD_REFUSED_TIMEOUT] = "timeout", [RD_REFUSED_DESCRIPTORS] = "descriptors",
};

const char *
rd_refused_get_name (RdRefused reason)
{
  return refused_names[reason];
}

GVariant *
rd_handover_report_to_vardict (const RdHandoverReport *report)
{
  if (report->generation == 1)
    return g_variant_new ("a{sv}", NULL);

  return g_variant_new_parsed ("{'moved': <%u>, 'closed': <%u>, 'lost': <%u>, 'pause': <%t>}",
                               report->moved, report->closed, report->lost,
                               (guint64) report->pause_us);
}

RdMetrics *
rd_metrics_new (RdManager *manager, RdDrain *drain, RdBus *bus)
{
  RdMetrics *metrics = g_new0 (RdMetrics, 1);

  metrics->manager = manager;
  metrics->drain = drain;
  metrics->bus = bus;
  metrics->handover.generation = 1;
  metrics->started_us = metrics->generation_us = g_get_monotonic_time ();
  return metrics;
}

GVariant *
rd_metrics_pack (RdMetrics *metrics)
{
  GVariantBuilder totals;

  g_variant_builder_init (&totals, G_VARIANT_TYPE ("a{st}"));
  for (guint i = 0; i < RD_REFUSED_N; i++)
    g_variant_builder_add (&totals, "{st}", refused_names[i], metrics->refused[i]);
  g_variant_builder_add (&totals, "{st}", FAILED_HANDOVERS, metrics->failed_handovers);
  g_variant_builder_add (&totals, "{st}", STARTED, (guint64) metrics->started_us);
  return g_variant_builder_end (&totals);
}

void
rd_metrics_unpack (RdMetrics *metrics, GVariant *totals)
{
  for (guint i = 0; i < RD_REFUSED_N; i++)
    g_variant_lookup (totals, refused_names[i], "t", &metrics->refused[i]);
  g_variant_lookup (totals, FAILED_HANDOVERS, "t", &metrics->failed_handovers);
  g_variant_lookup (totals, STARTED, "t", &metrics->started_us);
}

static void
add_head (GString *out, const char *name, const char *type, const char *help)
{
  g_string_append_printf (out, "# HELP ringdown_%s %s\n# TYPE ringdown_%s %s\n", name, help, name,
                          type);
}

/* Adds a counter if @name ends with "_total", otherwise a gauge. */
static void
add (GString *out, const char *name, const char *help, guint64 value)
{
  add_head (out, name, g_str_has_suffix (name, "_total") ? "counter" : "gauge", help);
  g_string_append_printf (out, "ringdown_%s %" G_GUINT64_FORMAT "\n", name, value);
}

static void
append_labelled (GString *out, const char *name, const char *label, const char *text, guint64 value)
{
  g_string_append_printf (out, "ringdown_%s{%s=\"%s\"} %" G_GUINT64_FORMAT "\n", name, label, text,
                          value);
}

static void
add_refused (GString *out, const RdMetrics *metrics)
{
  add_head (out, "connections_refused_total", "counter", "Connections refused, by reason.");
  for (guint i = 0; i < RD_REFUSED_N; i++)
    append_labelled (out, "connections_refused_total", "reason", refused_names[i],
                     metrics->refused[i]);
}

static void
add_closed (GString *out, const WsCounters *counters)
{
  char code[8];

  add_head (out, "clients_closed_total", "counter", "Clients disconnected, by close code.");
  for (guint i = 0; i < WS_CLOSE_SLOTS; i++)
    {
      ws_close_slot_format (i, code);
      append_labelled (out, "clients_closed_total", "code", code, counters->closed[i]);
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
  add_head (out, "flush_seconds", "summary",
            "Time spent in flush passes, which send the log to all clients.");
  append_seconds (out, "flush_seconds_sum", counters->flush_us);
  g_string_append_printf (out, "ringdown_flush_seconds_count %" G_GUINT64_FORMAT "\n",
                          counters->flush_passes);
}

static void
add_handover (GString *out, const RdMetrics *metrics)
{
  const RdHandoverReport *last = &metrics->handover;

  add (out, "generation",
       "Number of the serving process: 1, plus 1 for each upgrade, reload or restart.",
       last->generation);
  add (out, "handover_moved_clients", "Clients kept in the last hand-over.", last->moved);
  add (out, "handover_closed_clients", "Clients closed with 1012 or 1013 in the last hand-over.",
       last->closed);
  add (out, "handover_lost_clients", "Clients lost in the last hand-over.", last->lost);
  add_head (out, "handover_pause_seconds", "gauge", "Time without service in the last hand-over.");
  append_seconds (out, "handover_pause_seconds", last->pause_us);
  add (out, "handovers_failed_total", "Failed hand-overs to a new worker.",
       metrics->failed_handovers);
}

static void
add_bus (GString *out, RdBus *bus)
{
  RdBusStats stats;

  rd_bus_get_stats (bus, &stats);
  if (!stats.is_shared)
    return;

  add (out, "redis_up", "1 if connected to Redis and up to date, 0 if not.", stats.is_up);
  add (out, "redis_connects_total", "Connections made to Redis.", stats.connects);
  add (out, "redis_sent_total", "Messages stored in Redis for other nodes.", stats.sent);
  add (out, "redis_received_total", "Messages received from other nodes.", stats.received);
  add (out, "redis_pending_messages", "Messages waiting to be sent to Redis.", stats.pending);
  add (out, "redis_pending_bytes", "Memory used by messages waiting to be sent to Redis.",
       stats.pending_bytes);
  add (out, "redis_dropped_total",
       "Messages that may not have reached Redis, and received messages that were too long.",
       stats.dropped);
  add (out, "redis_repeated_total", "Messages received twice and delivered once.", stats.repeated);
  add (out, "redis_gaps_total", "Number of times the stream was trimmed before this node read it.",
       stats.gaps);
  add (out, "redis_missed_total", "Messages trimmed before this node read them, as far as known.",
       stats.missed);
}

char *
rd_metrics_render (RdMetrics *metrics)
{
  GString *out = g_string_new (NULL);
  const WsEngineStats stats = ws_engine_get_stats (rd_manager_get_engine (metrics->manager));
  const WsCounters *counters = stats.counters;

  add_head (out, "build_info", "gauge", "Version of the service.");
  g_string_append (out, "ringdown_build_info{version=\"" RINGDOWN_VERSION "\"} 1\n");
  add (out, "clients", "Connected clients.", rd_manager_get_connections (metrics->manager));
  add (out, "clients_peak", "Peak number of connected clients.", counters->peak);
  add (out, "clients_accepted_total", "Clients accepted.", counters->accepted);
  add_refused (out, metrics);
  add_closed (out, counters);
  add (out, "slow_clients_closed_total", "Clients closed with 1013 because they read too slowly.",
       counters->slow_closed);
  add (out, "messages_received_total", "Messages received from clients.", counters->messages_in);
  add (out, "messages_published_total", "Messages appended to the log.", stats.published);
  add (out, "messages_delivered_total", "Messages delivered, counted once for each client.",
       counters->delivered);
  add (out, "received_bytes_total", "Bytes received from clients.", counters->bytes_in);
  add (out, "sent_bytes_total", "Bytes sent to clients.", counters->bytes_out);
  add_flush (out, counters);
  add (out, "log_bytes", "Bytes of messages in the log.", stats.log_used);
  add (out, "log_size_bytes", "Capacity of the log in bytes.", stats.log_size);
  add (out, "draining", "1 if draining, 0 if not.", !rd_drain_is_running (metrics->drain));
  add (out, "drain_left_seconds", "Time until the remaining clients are closed; 0 if not draining.",
       rd_drain_get_seconds_left (metrics->drain));
  add_handover (out, metrics);
  add_bus (out, metrics->bus);
  return g_string_free (out, FALSE);
}
