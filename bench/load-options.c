/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The command line of ringdown-bench: parses it, checks the values and combinations of the options,
 * and sets defaults. */

#include "load-options.h"

#include "stamp.h"

enum
{
  MAX_CLIENTS = 1000 * 1000,
  MAX_ROUNDS = 1000,
  MAX_WINDOWS = 1000,
  MAX_PAYLOAD = 64 * 1024,
  MIN_PAYLOAD = 32,
  UNSET = G_MININT,
};

G_STATIC_ASSERT ((guint) MIN_PAYLOAD >= (guint) STAMP_SIZE);

typedef struct
{
  char *url;
  char *far_url;
  char *steps;
  int clients;
  int senders;
  int in_flight;
  int size;
  int rounds;
  int pid;
  int windows;
  double rate;
  double duration_s;
  double warmup_s;
  double hold_s;
  gboolean connect_only;
  gboolean json;
} RawOptions;

static void
raw_options_clear (RawOptions *raw)
{
  g_free (raw->url);
  g_free (raw->far_url);
  g_free (raw->steps);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (RawOptions, raw_options_clear)

static gboolean
check (double value, double min, double max, const char *option, GError **error)
{
  if (value >= min && value <= max)
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
               "%s is %.10g; it must be %.10g to %.10g", option, value, min, max);
  return FALSE;
}

static gboolean
parse_steps (GArray *steps, const char *list, GError **error)
{
  g_auto (GStrv) words = g_strsplit (*list != '\0' ? list : "nothing", ",", -1);

  for (guint i = 0; words[i] != NULL; i++)
    {
      guint64 lowest = i == 0 ? 1 : g_array_index (steps, guint, i - 1) + 1;
      guint64 value;
      guint step;

      if (!g_ascii_string_to_unsigned (words[i], 10, lowest, MAX_CLIENTS, &value, NULL))
        {
          g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                       "--steps has '%s'; it must be rising numbers of clients, like 1000,5000",
                       words[i]);
          return FALSE;
        }
      step = value;
      g_array_append_val (steps, step);
    }
  return TRUE;
}

static gboolean
check_if_set (int value, int max, const char *option, GError **error)
{
  return value == UNSET || check (value, 1, max, option, error);
}

/* Checks for conflicting options, then the value of each option. */
static gboolean
check_raw (const RawOptions *raw, GError **error)
{
  if (raw->rate > 0 && raw->in_flight != UNSET)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "--rate (open loop) and --in-flight (closed loop) cannot be combined");
      return FALSE;
    }
  if (raw->steps != NULL && raw->clients != UNSET)
    {
      g_set_error (
        error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
        "--steps and --clients cannot be combined; the last step is the number of clients");
      return FALSE;
    }
  return check_if_set (raw->clients, MAX_CLIENTS, "--clients", error)
         && check_if_set (raw->senders, G_MAXUINT16, "--senders", error)
         && check_if_set (raw->in_flight, G_MAXINT, "--in-flight", error)
         && check (raw->rate, 0, 1e7, "--rate", error)
         && check (raw->size, MIN_PAYLOAD, MAX_PAYLOAD, "--size", error)
         && check (raw->duration_s, 0.001, 86400, "--duration", error)
         && check (raw->warmup_s, 0, 86400, "--warmup", error)
         && check (raw->windows, 1, MAX_WINDOWS, "--windows", error)
         && check (raw->hold_s, 0, 86400, "--hold", error)
         && check (raw->rounds, 1, MAX_ROUNDS, "--rounds", error)
         && check (raw->pid, 0, G_MAXINT, "--pid", error);
}

/* Sets the number of senders; the default of a closed loop is one for each message in flight. */
static gboolean
settle_senders (LoadOptions *options, const RawOptions *raw, GError **error)
{
  guint most = MIN (options->n_near, G_MAXUINT16);

  options->rate = raw->rate;
  if (options->rate == 0)
    {
      options->in_flight = raw->in_flight != UNSET ? raw->in_flight : 1;
      most = MIN (most, options->in_flight);
    }
  options->n_senders = raw->senders != UNSET ? (guint) raw->senders : options->rate > 0 ? 1 : most;
  return check (options->n_senders, 1, most, "--senders", error);
}

static LoadOptions *
convert (RawOptions *raw, GError **error)
{
  g_autoptr (LoadOptions) options = g_new0 (LoadOptions, 1);
  guint only_step = raw->clients != UNSET ? raw->clients : 1000;

  options->steps = g_array_new (FALSE, FALSE, sizeof (guint));
  if (raw->steps == NULL)
    g_array_append_val (options->steps, only_step);
  else if (!parse_steps (options->steps, raw->steps, error))
    return NULL;
  options->n_clients = g_array_index (options->steps, guint, options->steps->len - 1);
  options->far_url = g_steal_pointer (&raw->far_url);
  options->n_near = options->n_clients - (options->far_url != NULL ? options->n_clients / 2 : 0);
  if (!settle_senders (options, raw, error))
    return NULL;
  options->url = raw->url != NULL ? g_steal_pointer (&raw->url)
                                  : g_strdup ("ws://127.0.0.1:8000/ws");
  options->size = raw->size;
  options->duration_us = raw->duration_s * 1e6;
  options->warmup_us = raw->warmup_s * 1e6;
  options->n_windows = raw->windows;
  options->hold_us = raw->hold_s * 1e6;
  options->rounds = raw->rounds;
  options->pid = raw->pid;
  options->connect_only = raw->connect_only || raw->rounds > 1 || raw->hold_s > 0;
  options->json = raw->json;
  return g_steal_pointer (&options);
}

LoadOptions *
load_options_parse (int *argc, char ***argv, GError **error)
{
  g_auto (RawOptions) raw = { .clients = UNSET,
                              .senders = UNSET,
                              .in_flight = UNSET,
                              .size = 128,
                              .rounds = 1,
                              .windows = 1,
                              .duration_s = 5,
                              .warmup_s = 1 };
  const GOptionEntry entries[] = {
    { "url", 'u', 0, G_OPTION_ARG_STRING, &raw.url, "Server (ws://127.0.0.1:8000/ws)", "URL" },
    { "far-url", 0, 0, G_OPTION_ARG_STRING, &raw.far_url,
      "Second server: half of the clients; they only receive, and latencies are theirs", "URL" },
    { "clients", 'n', 0, G_OPTION_ARG_INT, &raw.clients, "Clients (1000)", "N" },
    { "steps", 0, 0, G_OPTION_ARG_STRING, &raw.steps,
      "Connect up to each number, and report each step", "N,N" },
    { "in-flight", 'm', 0, G_OPTION_ARG_INT, &raw.in_flight, "Closed loop: messages in flight (1)",
      "M" },
    { "rate", 'r', 0, G_OPTION_ARG_DOUBLE, &raw.rate, "Open loop: messages a second", "R" },
    { "senders", 'k', 0, G_OPTION_ARG_INT, &raw.senders,
      "Clients that send (closed loop: M, open: 1)", "K" },
    { "size", 's', 0, G_OPTION_ARG_INT, &raw.size, "Message size (128)", "BYTES" },
    { "duration", 'd', 0, G_OPTION_ARG_DOUBLE, &raw.duration_s, "Measured time (5)", "S" },
    { "warmup", 'w', 0, G_OPTION_ARG_DOUBLE, &raw.warmup_s, "Traffic before the measured time (1)",
      "S" },
    { "windows", 0, 0, G_OPTION_ARG_INT, &raw.windows,
      "Parts of the measured time; silences are reported for each (1)", "N" },
    { "connect-only", 0, 0, G_OPTION_ARG_NONE, &raw.connect_only, "No traffic", NULL },
    { "hold", 0, 0, G_OPTION_ARG_DOUBLE, &raw.hold_s, "No traffic; stay connected for this long",
      "S" },
    { "rounds", 0, 0, G_OPTION_ARG_INT, &raw.rounds,
      "No traffic; connect and disconnect this often", "N" },
    { "pid", 'p', 0, G_OPTION_ARG_INT, &raw.pid, "Server process, to report its CPU and memory",
      "PID" },
    { "json", 'j', 0, G_OPTION_ARG_NONE, &raw.json, "One JSON object on stdout", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  g_option_context_set_summary (context, "Loads a WebSocket broadcast server and checks that every "
                                         "message is\ndelivered once and in order.");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return NULL;
  if (*argc > 1)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                   "unexpected argument '%s'; see --help", (*argv)[1]);
      return NULL;
    }
  if (!check_raw (&raw, error))
    return NULL;
  return convert (&raw, error);
}

void
load_options_free (LoadOptions *options)
{
  g_free (options->url);
  g_free (options->far_url);
  g_clear_pointer (&options->steps, g_array_unref);
  g_free (options);
}
