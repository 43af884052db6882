/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The metrics: text format, names, and values. */

#include <string.h>

#include "core-fixture.h"
#include "rd-bus.h"
#include "rd-metrics.h"

#define LONG_US (600 * G_USEC_PER_SEC)

/* All metrics and their types. Each has one unsigned value, unless labels are given. */
static const struct
{
  const char *name;
  const char *type;
} families[] = {
  { "ringdown_build_info", "gauge" },
  { "ringdown_clients", "gauge" },
  { "ringdown_clients_peak", "gauge" },
  { "ringdown_clients_accepted_total", "counter" },
  { "ringdown_connections_refused_total", "counter" },
  { "ringdown_clients_closed_total", "counter" },
  { "ringdown_slow_clients_closed_total", "counter" },
  { "ringdown_messages_received_total", "counter" },
  { "ringdown_messages_published_total", "counter" },
  { "ringdown_messages_delivered_total", "counter" },
  { "ringdown_received_bytes_total", "counter" },
  { "ringdown_sent_bytes_total", "counter" },
  { "ringdown_flush_seconds", "summary" },
  { "ringdown_log_bytes", "gauge" },
  { "ringdown_log_size_bytes", "gauge" },
  { "ringdown_draining", "gauge" },
  { "ringdown_drain_left_seconds", "gauge" },
  { "ringdown_generation", "gauge" },
  { "ringdown_handover_moved_clients", "gauge" },
  { "ringdown_handover_closed_clients", "gauge" },
  { "ringdown_handover_lost_clients", "gauge" },
  { "ringdown_handover_pause_seconds", "gauge" },
  { "ringdown_handovers_failed_total", "counter" },
};

typedef struct
{
  CoreFixture core;
  RdDrain *drain;
  RdBus *bus;
  RdMetrics *metrics;
} MetricsFixture;

static void
set_up (MetricsFixture *fixture, gconstpointer data)
{
  const RdDrainOptions options = { .timeout_us = LONG_US, .interval_us = LONG_US };

  core_fixture_set_up (&fixture->core, NULL);
  fixture->drain = rd_drain_new (fixture->core.manager, &options);
  fixture->bus = rd_bus_new ();
  fixture->metrics = rd_metrics_new (fixture->core.manager, fixture->drain, fixture->bus);
}

static void
tear_down (MetricsFixture *fixture, gconstpointer data)
{
  g_free (fixture->metrics);
  g_assert_finalize_object (fixture->bus);
  g_assert_finalize_object (fixture->drain);
  core_fixture_tear_down (&fixture->core, NULL);
}

/* Asserts that the sample @name (with labels) appears once. Returns: (transfer full): its value. */
static char *
read_value (MetricsFixture *fixture, const char *name)
{
  g_autofree char *text = rd_metrics_render (fixture->metrics);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autofree char *prefix = g_strconcat (name, " ", NULL);
  char *value = NULL;

  for (guint i = 0; lines[i] != NULL; i++)
    if (g_str_has_prefix (lines[i], prefix))
      {
        g_assert_null (value);
        value = g_strdup (lines[i] + strlen (prefix));
      }
  if (value == NULL)
    g_error ("no %s", name);

  return value;
}

static void
expect (MetricsFixture *fixture, const char *name, guint64 expected)
{
  g_autofree char *value = read_value (fixture, name);
  guint64 number = 0;

  g_test_message ("%s %s", name, value);
  g_assert_true (g_ascii_string_to_unsigned (value, 10, 0, G_MAXUINT64, &number, NULL));
  g_assert_cmpuint (number, ==, expected);
}

static void
expect_text (MetricsFixture *fixture, const char *name, const char *expected)
{
  g_autofree char *value = read_value (fixture, name);

  g_assert_cmpstr (value, ==, expected);
}

static gboolean
matches (const char *line, const char *pattern)
{
  return g_regex_match_simple (pattern, line, 0, 0);
}

/* https://prometheus.io/docs/instrumenting/exposition_formats/ : help and type before the samples
 * of each metric, and a newline at the end. */
static void
text_has_the_prometheus_format (MetricsFixture *fixture, gconstpointer data)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  guint line = 0;

  peer_hang_up (core_fixture_join (&fixture->core));
  crowd_settle (fixture->core.crowd);
  text = rd_metrics_render (fixture->metrics);
  g_assert_true (g_str_has_suffix (text, "\n"));
  text[strlen (text) - 1] = '\0';
  lines = g_strsplit (text, "\n", -1);

  for (guint i = 0; i < G_N_ELEMENTS (families); i++)
    {
      g_autofree char *help = g_strdup_printf ("^# HELP %s \\S.*\\.$", families[i].name);
      g_autofree char *type = g_strdup_printf ("# TYPE %s %s", families[i].name, families[i].type);
      g_autofree char *sample = g_strdup_printf ("^%s(_sum|_count)?({\\w+=\"[^\"\\\\]+\"})? "
                                                 "[0-9]+([.][0-9]+)?$",
                                                 families[i].name);

      g_assert_nonnull (lines[line]);
      g_assert_true (matches (lines[line++], help));
      g_assert_cmpstr (lines[line++], ==, type);
      g_assert_true (lines[line] != NULL && matches (lines[line], sample));
      while (lines[line] != NULL && lines[line][0] != '#')
        g_assert_true (matches (lines[line++], sample));
    }
  g_assert_null (lines[line]);
}

static void
initial_values_are_zero (MetricsFixture *fixture, gconstpointer data)
{
  const char *const zero[] = { "ringdown_clients",
                               "ringdown_clients_peak",
                               "ringdown_clients_accepted_total",
                               "ringdown_slow_clients_closed_total",
                               "ringdown_messages_received_total",
                               "ringdown_messages_published_total",
                               "ringdown_messages_delivered_total",
                               "ringdown_received_bytes_total",
                               "ringdown_sent_bytes_total",
                               "ringdown_flush_seconds_count",
                               "ringdown_log_bytes",
                               "ringdown_draining",
                               "ringdown_drain_left_seconds",
                               "ringdown_handover_moved_clients",
                               "ringdown_handover_closed_clients",
                               "ringdown_handover_lost_clients",
                               "ringdown_handovers_failed_total" };

  for (guint i = 0; i < G_N_ELEMENTS (zero); i++)
    expect (fixture, zero[i], 0);
  expect (fixture, "ringdown_build_info{version=\"" RINGDOWN_VERSION "\"}", 1);
  expect (fixture, "ringdown_log_size_bytes", 1 << 16);
  expect (fixture, "ringdown_generation", 1);
  expect_text (fixture, "ringdown_flush_seconds_sum", "0.000000");
  expect_text (fixture, "ringdown_handover_pause_seconds", "0.000000");
}

static void
traffic_is_counted (MetricsFixture *fixture, gconstpointer data)
{
  const RdMessage hello = { .topic = RD_TOPIC_BROADCAST,
                            .opcode = WS_OPCODE_TEXT,
                            .data = (const guint8 *) "hello",
                            .size = 5 };
  Peer *first = core_fixture_join (&fixture->core);
  g_autofree char *sum = NULL;

  core_fixture_join (&fixture->core);
  peer_send_text (first, "talk");
  rd_manager_broadcast (
    fixture->core.manager,
    &(RdMessage){ .opcode = hello.opcode, .data = hello.data, .size = hello.size });
  crowd_settle (fixture->core.crowd);
  expect (fixture, "ringdown_clients", 2);
  expect (fixture, "ringdown_messages_received_total", 1);
  expect (fixture, "ringdown_received_bytes_total", 6 + 4);
  expect (fixture, "ringdown_messages_published_total", 1);
  expect (fixture, "ringdown_messages_delivered_total", 2);
  expect (fixture, "ringdown_sent_bytes_total", 2 * 7);
  expect (fixture, "ringdown_log_bytes", 7);
  expect (fixture, "ringdown_flush_seconds_count", 1);
  sum = read_value (fixture, "ringdown_flush_seconds_sum");
  g_assert_cmpfloat (g_ascii_strtod (sum, NULL), <, 10.0);
}

static void
departures_are_counted_by_code (MetricsFixture *fixture, gconstpointer data)
{
  const guint16 codes[] = { 1000, 1000, 1001, 3001, 3002, 4001 };

  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    peer_send_close (core_fixture_join (&fixture->core), codes[i]);
  peer_hang_up (core_fixture_join (&fixture->core));
  crowd_settle (fixture->core.crowd);

  expect (fixture, "ringdown_clients", 0);
  expect (fixture, "ringdown_clients_peak", 7);
  expect (fixture, "ringdown_clients_accepted_total", 7);
  expect (fixture, "ringdown_clients_closed_total{code=\"1000\"}", 2);
  expect (fixture, "ringdown_clients_closed_total{code=\"1001\"}", 1);
  expect (fixture, "ringdown_clients_closed_total{code=\"1006\"}", 1);
  expect (fixture, "ringdown_clients_closed_total{code=\"3xxx\"}", 2);
  expect (fixture, "ringdown_clients_closed_total{code=\"4xxx\"}", 1);
}

/* Prometheus cannot see the first increase of a counter that did not exist before. */
static void
all_close_codes_exist_from_the_start (MetricsFixture *fixture, gconstpointer data)
{
  g_autofree char *text = rd_metrics_render (fixture->metrics);
  guint codes = 0;

  for (guint slot = 0; slot < WS_CLOSE_SLOTS; slot++)
    {
      char code[8];
      g_autofree char *name = NULL;

      ws_close_slot_format (slot, code);
      name = g_strdup_printf ("ringdown_clients_closed_total{code=\"%s\"}", code);
      expect (fixture, name, 0);
    }
  for (const char *at = text; (at = strstr (at, "{code=")) != NULL; at++)
    codes++;
  g_assert_cmpuint (codes, ==, WS_CLOSE_SLOTS);
}

static void
slow_clients_are_counted (MetricsFixture *fixture, gconstpointer data)
{
  g_autofree char *text = g_strnfill (4096, 'x');

  core_fixture_join_stalled (&fixture->core);
  for (guint i = 0; i < 30; i++)
    rd_manager_broadcast (
      fixture->core.manager,
      &(RdMessage){ .opcode = WS_OPCODE_TEXT, .data = (const guint8 *) text, .size = 4096 });
  expect (fixture, "ringdown_slow_clients_closed_total", 1);
}

static void
expect_refused (MetricsFixture *fixture, RdRefused why, guint64 expected)
{
  const char *const reasons[RD_REFUSED_N] = {
    [RD_REFUSED_FULL] = "full",       [RD_REFUSED_DRAINING] = "draining",
    [RD_REFUSED_ORIGIN] = "origin",   [RD_REFUSED_HANDSHAKE] = "handshake",
    [RD_REFUSED_REQUEST] = "request", [RD_REFUSED_SIZE] = "size",
    [RD_REFUSED_PATH] = "path",       [RD_REFUSED_METHOD] = "method",
    [RD_REFUSED_TIMEOUT] = "timeout", [RD_REFUSED_DESCRIPTORS] = "descriptors",
  };
  g_autofree char *name = g_strdup_printf ("ringdown_connections_refused_total{reason=\"%s\"}",
                                           reasons[why]);

  expect (fixture, name, expected);
}

static void
refuse_increasing_numbers (MetricsFixture *fixture)
{
  for (guint why = 0; why < RD_REFUSED_N; why++)
    for (guint i = 0; i <= why; i++)
      fixture->metrics->refused[why]++;
}

static void
refusals_are_counted_by_reason (MetricsFixture *fixture, gconstpointer data)
{
  /* present from the start, as Prometheus cannot see the first increase otherwise */
  for (guint why = 0; why < RD_REFUSED_N; why++)
    expect_refused (fixture, why, 0);

  refuse_increasing_numbers (fixture);
  for (guint why = 0; why < RD_REFUSED_N; why++)
    expect_refused (fixture, why, why + 1);
}

static void
no_other_reasons_are_reported (MetricsFixture *fixture, gconstpointer data)
{
  g_autofree char *text = rd_metrics_render (fixture->metrics);
  guint reasons = 0;

  for (const char *at = text; (at = strstr (at, "{reason=")) != NULL; at++)
    reasons++;
  g_assert_cmpuint (reasons, ==, RD_REFUSED_N);
}

static void
drain_is_reported (MetricsFixture *fixture, gconstpointer data)
{
  core_fixture_join (&fixture->core);
  rd_drain_begin (fixture->drain, -1);
  expect (fixture, "ringdown_draining", 1);
  expect (fixture, "ringdown_drain_left_seconds", 600);
}

static void
last_handover_is_reported (MetricsFixture *fixture, gconstpointer data)
{
  const RdHandoverReport report
    = { .generation = 7, .moved = 10000, .closed = 3, .lost = 2, .pause_us = 23456 };

  fixture->metrics->handover = report;
  expect (fixture, "ringdown_generation", 7);
  expect (fixture, "ringdown_handover_moved_clients", 10000);
  expect (fixture, "ringdown_handover_closed_clients", 3);
  expect (fixture, "ringdown_handover_lost_clients", 2);
  expect_text (fixture, "ringdown_handover_pause_seconds", "0.023456");
}

/* Restores the packed totals as the new worker does. */
static void
totals_continue_in_the_new_worker (MetricsFixture *fixture, gconstpointer data)
{
  g_autoptr (GVariant) totals = NULL;

  refuse_increasing_numbers (fixture);
  fixture->metrics->failed_handovers++;
  fixture->metrics->failed_handovers++;
  totals = g_variant_ref_sink (rd_metrics_pack (fixture->metrics));
  g_assert_cmpstr (g_variant_get_type_string (totals), ==, "a{st}");
  g_free (fixture->metrics);
  fixture->metrics = rd_metrics_new (fixture->core.manager, fixture->drain, fixture->bus);

  rd_metrics_unpack (fixture->metrics, totals);
  fixture->metrics->refused[RD_REFUSED_FULL]++;
  expect_refused (fixture, RD_REFUSED_FULL, 2);
  for (guint why = 1; why < RD_REFUSED_N; why++)
    expect_refused (fixture, why, why + 1);
  fixture->metrics->failed_handovers++;
  expect (fixture, "ringdown_handovers_failed_total", 3);
}

/* Another version may have other names. */
static void
unknown_and_missing_totals_have_no_effect (MetricsFixture *fixture, gconstpointer data)
{
  const char *const text = "{'origin': uint64 18446744073709551615, 'weather': 5}";
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) totals = g_variant_parse (G_VARIANT_TYPE ("a{st}"), text, NULL, NULL,
                                                 &error);

  g_assert_no_error (error);
  fixture->metrics->refused[RD_REFUSED_TIMEOUT]++;
  rd_metrics_unpack (fixture->metrics, totals);
  expect_refused (fixture, RD_REFUSED_ORIGIN, G_MAXUINT64);
  expect_refused (fixture, RD_REFUSED_TIMEOUT, 1);
  expect_refused (fixture, RD_REFUSED_FULL, 0);
  expect (fixture, "ringdown_handovers_failed_total", 0);
}

#define ADD(path, function) g_test_add (path, MetricsFixture, NULL, set_up, function, tear_down)

static void
expect_report (const RdHandoverReport *report, const char *expected)
{
  g_autoptr (GVariant) vardict = g_variant_ref_sink (rd_handover_report_to_vardict (report));
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) wanted = g_variant_parse (G_VARIANT_TYPE_VARDICT, expected, NULL, NULL,
                                                 &error);

  g_assert_no_error (error);
  g_assert_cmpvariant (vardict, wanted);
}

static void
first_generation_has_nothing_to_report (void)
{
  expect_report (&(RdHandoverReport){ .generation = 1 }, "{}");
}

static void
later_generation_reports_all_fields (void)
{
  const RdHandoverReport report
    = { .generation = 2, .moved = 10000, .closed = 4, .lost = 1, .pause_us = 5000000000 };

  expect_report (&report, "{'moved': <uint32 10000>, 'closed': <uint32 4>, 'lost': <uint32 1>, "
                          "'pause': <uint64 5000000000>}");
}

static void
report_without_clients_has_all_fields (void)
{
  expect_report (
    &(RdHandoverReport){ .generation = 2 },
    "{'moved': <uint32 0>, 'closed': <uint32 0>, 'lost': <uint32 0>, 'pause': <uint64 0>}");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("/metrics/format", text_has_the_prometheus_format);
  ADD ("/metrics/zero", initial_values_are_zero);
  ADD ("/metrics/traffic", traffic_is_counted);
  ADD ("/metrics/departures", departures_are_counted_by_code);
  ADD ("/metrics/departures/all", all_close_codes_exist_from_the_start);
  ADD ("/metrics/slow", slow_clients_are_counted);
  ADD ("/metrics/refusals", refusals_are_counted_by_reason);
  ADD ("/metrics/refusals/all", no_other_reasons_are_reported);
  ADD ("/metrics/drain", drain_is_reported);
  ADD ("/metrics/handover", last_handover_is_reported);
  ADD ("/metrics/handover/totals", totals_continue_in_the_new_worker);
  ADD ("/metrics/handover/totals/other", unknown_and_missing_totals_have_no_effect);
  g_test_add_func ("/metrics/handover-report/first", first_generation_has_nothing_to_report);
  g_test_add_func ("/metrics/handover-report/later", later_generation_reports_all_fields);
  g_test_add_func ("/metrics/handover-report/zero", report_without_clients_has_all_fields);

  return g_test_run ();
}
