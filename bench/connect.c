/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* bench-connect: opens many connections to a server, with a handshake or silent, and reports as one
 * JSON object how they ended. Exit status: 0: there is a report; 1: the run failed; 2: wrong
 * usage. */

#include "connect-pool.h"

#include <gio/gio.h>
#include <stdio.h>

static int
compare_times (gconstpointer a, gconstpointer b)
{
  gint64 x = *(const gint64 *) a;
  gint64 y = *(const gint64 *) b;

  return (x > y) - (x < y);
}

/* Returns a quantile of sorted @times_us, 0 if there are none. */
static gint64
get_quantile_us (const GArray *times_us, double fraction)
{
  guint i = MIN ((guint) (times_us->len * fraction), times_us->len - 1);

  return times_us->len > 0 ? g_array_index (times_us, gint64, i) : 0;
}

static void
print_refused (GHashTable *refused)
{
  GHashTableIter iter;
  gpointer status, count;
  const char *separator = "";

  g_hash_table_iter_init (&iter, refused);
  while (g_hash_table_iter_next (&iter, &status, &count))
    {
      printf ("%s\"%u\": %u", separator, GPOINTER_TO_UINT (status), GPOINTER_TO_UINT (count));
      separator = ", ";
    }
}

static void
print_report (const ConnectResult *result)
{
  GArray *times_us = result->times_us;
  g_autofree char *error = NULL;

  g_array_sort (times_us, compare_times);
  if (result->error != NULL)
    error = g_strescape (result->error->message, NULL);
  printf ("{\"started\": %u, \"opened\": %u, \"refused\": {", result->started, result->opened);
  print_refused (result->refused);
  printf ("}, \"lost\": %u, \"closed\": %u, \"reset\": %u, \"timed_out\": %u, \"recycled\": %u, "
          "\"failed\": %u, \"error\": \"%s\", \"start_s\": %.3f, \"end_s\": %.3f, ",
          result->lost, result->closed, result->reset, result->timed_out, result->recycled,
          result->failed, error != NULL ? error : "", result->start_s, result->end_s);
  printf ("\"handshake_us\": {\"p50\": %" G_GINT64_FORMAT ", \"p99\": %" G_GINT64_FORMAT
          ", \"max\": %" G_GINT64_FORMAT "}}\n",
          get_quantile_us (times_us, 0.5), get_quantile_us (times_us, 0.99),
          get_quantile_us (times_us, 1));
}

/* Checks for numbers that are not possible. */
static gboolean
check (int connections,
       int at_once,
       double rate,
       double duration_s,
       double timeout_s,
       GError **error)
{
  const char *problem = connections < 0 || (connections == 0 && duration_s <= 0)
                          ? "--connections or --duration must be above 0"
                        : at_once < 1                             ? "--at-once must be above 0"
                        : rate < 0 || rate > 1e6                  ? "--rate must be 0 to 1000000"
                        : timeout_s <= 0                          ? "--timeout must be above 0"
                        : duration_s > 86400 || timeout_s > 86400 ? "a time must be at most 86400"
                                                                  : NULL;

  if (problem == NULL)
    return TRUE;
  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, problem);
  return FALSE;
}

static gboolean
parse (int *argc, char ***argv, char **url, ConnectOptions *options, GError **error)
{
  int connections = 0, at_once = 256;
  double duration_s = 0, timeout_s = 10;
  const GOptionEntry entries[] = {
    { "url", 'u', 0, G_OPTION_ARG_STRING, url, "Server (ws://127.0.0.1:8000/ws)", "URL" },
    { "connections", 'n', 0, G_OPTION_ARG_INT, &connections,
      "Connections to open (as many as in --duration)", "N" },
    { "at-once", 'a', 0, G_OPTION_ARG_INT, &at_once, "Handshakes in progress, at most (256)", "N" },
    { "rate", 'r', 0, G_OPTION_ARG_DOUBLE, &options->rate,
      "Connections a second, at fixed times, instead of --at-once", "R" },
    { "duration", 'd', 0, G_OPTION_ARG_DOUBLE, &duration_s, "Open connections for this long", "S" },
    { "timeout", 't', 0, G_OPTION_ARG_DOUBLE, &timeout_s,
      "Time for the answer; with --silent: for the end (10)", "S" },
    { "silent", 0, 0, G_OPTION_ARG_NONE, &options->silent, "Send nothing", NULL },
    { "leave", 0, 0, G_OPTION_ARG_NONE, &options->leave, "Close each connection after its 101",
      NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  g_option_context_set_summary (context,
                                "Opens many connections to a WebSocket server, and reports "
                                "how they end.");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error)
      || !check (connections, at_once, options->rate, duration_s, timeout_s, error))
    return FALSE;
  options->n_connections = connections;
  options->at_once = at_once;
  options->duration_us = duration_s * 1e6;
  options->timeout_us = timeout_s * 1e6;
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autofree char *url = NULL;
  ConnectOptions options = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (LoadTarget) target = NULL;
  g_autoptr (ConnectResult) result = NULL;

  if (!parse (&argc, &argv, &url, &options, &error))
    {
      fprintf (stderr, "bench-connect: %s\n", error->message);
      return 2;
    }
  target = load_target_new (url != NULL ? url : "ws://127.0.0.1:8000/ws", &error);
  if (target != NULL)
    result = connect_pool_run (target, &options, &error);
  if (result == NULL)
    {
      fprintf (stderr, "bench-connect: %s\n", error->message);
      return 1;
    }
  print_report (result);
  return 0;
}
