/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Formats the result of a run as text or JSON, and decides whether the run was clean. Names in the
 * JSON end with their units. */

#include "load-report.h"

static const double mib = 1024 * 1024;

static int
compare_codes (gconstpointer a, gconstpointer b)
{
  return GPOINTER_TO_INT (a) - GPOINTER_TO_INT (b);
}

/* Appends `code: count` for all close codes in order, or @none if there are none. @quote: put
 * around each code. */
static void
append_codes (GString *out, GHashTable *codes, const char *quote, const char *none)
{
  g_autoptr (GList) keys = g_list_sort (g_hash_table_get_keys (codes), compare_codes);

  g_string_append (out, keys == NULL ? none : "");
  for (GList *key = keys; key != NULL; key = key->next)
    g_string_append_printf (out, "%s%s%u%s: %u", key == keys ? "" : ", ", quote,
                            GPOINTER_TO_UINT (key->data), quote,
                            GPOINTER_TO_UINT (g_hash_table_lookup (codes, key->data)));
}

static gboolean
all_closed_with_1000 (GHashTable *closes)
{
  guint others = g_hash_table_size (closes);

  if (g_hash_table_contains (closes, GUINT_TO_POINTER (1000)))
    others--;
  return others == 0;
}

gboolean
load_report_is_clean (const LoadRun *run, const LoadEndings *endings)
{
  const LoadTraffic *traffic = run->traffic;

  if (traffic != NULL && (traffic->lost > 0 || traffic->doubled > 0 || traffic->disordered > 0))
    return FALSE;
  return g_hash_table_size (endings->disconnects) == 0 && all_closed_with_1000 (endings->closes)
         && endings->unanswered == 0;
}

static double
get_cpu_us_per_client (const LoadStep *step)
{
  return step->added > 0 ? step->server_cpu_ns / 1e3 / step->added : 0;
}

static double
get_cpu_ns_per_delivery (const LoadTraffic *traffic)
{
  return (double) traffic->server_cpu_ns / MAX (traffic->measured.deliveries, 1);
}

static void
append_step_text (GString *out, const LoadStep *step, gboolean have_server)
{
  g_string_append_printf (out, "%7u clients  %8.0f connected/s", step->clients,
                          step->added / step->seconds);
  if (have_server)
    g_string_append_printf (out, "  %7.1f us server CPU each  %8.2f MiB",
                            get_cpu_us_per_client (step), step->rss / mib);
  g_string_append_c (out, '\n');
}

static void
append_silences_text (GString *out, const GPtrArray *silences)
{
  for (guint i = 0; i < silences->len; i++)
    {
      const LoadSilence *silence = g_ptr_array_index (silences, i);

      g_string_append_printf (out,
                              "longest silence of each client, ms   p50 %u  p99 %u  max %.1f\n",
                              load_silence_get_ms (silence, 0.5),
                              load_silence_get_ms (silence, 0.99), silence->max_us / 1e3);
    }
}

static void
append_traffic_text (GString *out, const LoadTraffic *traffic, gboolean have_server)
{
  const LoadWindow *window = &traffic->measured;

  g_string_append_printf (out, "%12.0f deliveries/s  %10.1f messages/s  in %.1f s\n",
                          window->deliveries / traffic->seconds, window->sent / traffic->seconds,
                          traffic->seconds);
  g_string_append_printf (out,
                          "latency us   p50 %" G_GUINT64_FORMAT "  p90 %" G_GUINT64_FORMAT
                          "  p99 %" G_GUINT64_FORMAT "  max %" G_GUINT64_FORMAT "\n",
                          load_window_get_latency (window, 0.5),
                          load_window_get_latency (window, 0.9),
                          load_window_get_latency (window, 0.99), window->latency_max_us);
  append_silences_text (out, traffic->silences);
  if (have_server)
    g_string_append_printf (
      out, "server CPU   %.0f ns a delivery, %.0f %% of a core; resident %.2f MiB\n",
      get_cpu_ns_per_delivery (traffic), traffic->server_cpu_ns / traffic->seconds / 1e7,
      traffic->rss / mib);
  g_string_append_printf (out, "our own CPU  %.0f %% of a core\n",
                          traffic->own_cpu_ns / traffic->seconds / 1e7);
  g_string_append_printf (out,
                          "%" G_GUINT64_FORMAT " lost, %" G_GUINT64_FORMAT
                          " doubled, %" G_GUINT64_FORMAT " out of order, %" G_GUINT64_FORMAT
                          " foreign\n",
                          traffic->lost, traffic->doubled, traffic->disordered, traffic->foreign);
}

char *
load_report_text (const LoadOptions *options, const LoadRun *run, const LoadEndings *endings)
{
  g_autoptr (GString) out = g_string_new (NULL);
  gboolean have_server = options->pid != 0;

  for (guint i = 0; i < run->rounds->len; i++)
    {
      const LoadRound *round = g_ptr_array_index (run->rounds, i);

      for (guint j = 0; j < round->steps->len; j++)
        append_step_text (out, &g_array_index (round->steps, LoadStep, j), have_server);
      if (run->rounds->len > 1 && have_server)
        g_string_append_printf (out, "  all closed in %.2f s, resident then %.2f MiB\n",
                                round->close_seconds, round->rss / mib);
    }
  if (run->traffic != NULL)
    append_traffic_text (out, run->traffic, have_server);
  g_string_append (out, "disconnects by code: ");
  append_codes (out, endings->disconnects, "", "none");
  g_string_append (out, "\ncloses by code: ");
  append_codes (out, endings->closes, "", "none");
  g_string_append_printf (out, "; %u unanswered\n", endings->unanswered);
  return g_string_free (g_steal_pointer (&out), FALSE);
}

static void
append_step_json (GString *out, const LoadStep *step)
{
  g_string_append_printf (out,
                          "{\"clients\": %u, \"added\": %u, \"seconds\": %.6f, "
                          "\"server_cpu_us_per_client\": %.3f, \"rss_bytes\": %" G_GINT64_FORMAT
                          ", \"pss_bytes\": %" G_GINT64_FORMAT "}",
                          step->clients, step->added, step->seconds, get_cpu_us_per_client (step),
                          step->rss, step->pss);
}

static void
append_round_json (GString *out, const LoadRound *round)
{
  g_string_append (out, "{\"steps\": [");
  for (guint i = 0; i < round->steps->len; i++)
    {
      g_string_append (out, i > 0 ? ", " : "");
      append_step_json (out, &g_array_index (round->steps, LoadStep, i));
    }
  g_string_append_printf (out,
                          "], \"close_seconds\": %.6f, \"rss_bytes\": %" G_GINT64_FORMAT
                          ", \"pss_bytes\": %" G_GINT64_FORMAT "}",
                          round->close_seconds, round->rss, round->pss);
}

static void
append_silence_json (GString *out, const LoadSilence *silence)
{
  const char *separator = "";

  g_string_append_printf (out, "{\"max_us\": %" G_GINT64_FORMAT ", \"clients_by_ms\": {",
                          silence->max_us);
  for (guint ms = 0; ms < silence->counts->len; ms++)
    {
      guint clients = g_array_index (silence->counts, guint, ms);

      if (clients == 0)
        continue;
      g_string_append_printf (out, "%s\"%u\": %u", separator, ms, clients);
      separator = ", ";
    }
  g_string_append (out, "}}");
}

static void
append_silences_json (GString *out, const GPtrArray *silences)
{
  g_string_append (out, ", \"silences\": [");
  for (guint i = 0; i < silences->len; i++)
    {
      g_string_append (out, i > 0 ? ", " : "");
      append_silence_json (out, g_ptr_array_index (silences, i));
    }
  g_string_append_c (out, ']');
}

static void
append_traffic_json (GString *out, const LoadTraffic *traffic)
{
  const LoadWindow *window = &traffic->measured;

  g_string_append_printf (out,
                          "{\"seconds\": %.6f, \"messages\": %" G_GUINT64_FORMAT
                          ", \"deliveries\": %" G_GUINT64_FORMAT
                          ", \"deliveries_per_second\": %.1f, \"messages_per_second\": %.1f",
                          traffic->seconds, window->sent, window->deliveries,
                          window->deliveries / traffic->seconds, window->sent / traffic->seconds);
  g_string_append_printf (
    out,
    ", \"latency_us\": {\"p50\": %" G_GUINT64_FORMAT ", \"p90\": %" G_GUINT64_FORMAT
    ", \"p99\": %" G_GUINT64_FORMAT ", \"max\": %" G_GUINT64_FORMAT "}",
    load_window_get_latency (window, 0.5), load_window_get_latency (window, 0.9),
    load_window_get_latency (window, 0.99), window->latency_max_us);
  g_string_append_printf (out,
                          ", \"longest_silence_us\": %" G_GINT64_FORMAT
                          ", \"server_cpu_ns_per_delivery\": %.3f, \"server_cores\": %.4f, "
                          "\"own_cores\": %.4f, \"rss_bytes\": %" G_GINT64_FORMAT
                          ", \"pss_bytes\": %" G_GINT64_FORMAT,
                          window->silence_max_us, get_cpu_ns_per_delivery (traffic),
                          traffic->server_cpu_ns / traffic->seconds / 1e9,
                          traffic->own_cpu_ns / traffic->seconds / 1e9, traffic->rss, traffic->pss);
  append_silences_json (out, traffic->silences);
  g_string_append_printf (out,
                          ", \"lost\": %" G_GUINT64_FORMAT ", \"doubled\": %" G_GUINT64_FORMAT
                          ", \"disordered\": %" G_GUINT64_FORMAT ", \"foreign\": %" G_GUINT64_FORMAT
                          "}",
                          traffic->lost, traffic->doubled, traffic->disordered, traffic->foreign);
}

char *
load_report_json (const LoadOptions *options, const LoadRun *run, const LoadEndings *endings)
{
  g_autoptr (GString) out = g_string_new (NULL);

  g_string_append_printf (out,
                          "{\"clients\": %u, \"senders\": %u, \"in_flight\": %u, "
                          "\"rate\": %.3f, \"size\": %u, \"rounds\": [",
                          options->n_clients, options->n_senders, options->in_flight, options->rate,
                          options->size);
  for (guint i = 0; i < run->rounds->len; i++)
    {
      g_string_append (out, i > 0 ? ", " : "");
      append_round_json (out, g_ptr_array_index (run->rounds, i));
    }
  g_string_append (out, "], \"traffic\": ");
  if (run->traffic != NULL)
    append_traffic_json (out, run->traffic);
  else
    g_string_append (out, "null");
  g_string_append (out, ", \"disconnects\": {");
  append_codes (out, endings->disconnects, "\"", "");
  g_string_append (out, "}, \"closes\": {");
  append_codes (out, endings->closes, "\"", "");
  g_string_append_printf (out, "}, \"unanswered_closes\": %u, \"clean\": %s}\n",
                          endings->unanswered,
                          load_report_is_clean (run, endings) ? "true" : "false");
  return g_string_free (g_steal_pointer (&out), FALSE);
}
