/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The phases of a run: connects step by step, runs traffic, closes; once or several times. CPU and
 * memory of the server are read after each phase, when the server is idle. Each phase prints a line
 * to stderr. */

#include "load-run.h"

#include "load-probe.h"

#include <stdio.h>

enum
{
  IDLE_CHECK_US = 20 * 1000,
  IDLE_CPU_NS = 1000 * 1000, /* 5 % of IDLE_CHECK_US */
  IDLE_TIMEOUT_US = 2 * G_USEC_PER_SEC,
};

static void
load_round_free (gpointer data)
{
  LoadRound *round = data;

  g_array_unref (round->steps);
  g_free (round);
}

void
load_run_free (LoadRun *run)
{
  g_ptr_array_unref (run->rounds);
  g_clear_pointer (&run->traffic, load_traffic_free);
  g_free (run);
}

/* Handles events until the server is idle, IDLE_TIMEOUT_US at most. @cpu_ns: (out): CPU time of the
 * server at the end. */
static gboolean
await_idle (LoadSwarm *swarm, pid_t pid, gint64 *cpu_ns, GError **error)
{
  gint64 deadline_us = g_get_monotonic_time () + IDLE_TIMEOUT_US;
  gint64 before_ns;

  if (!load_probe_cpu (pid, cpu_ns, error))
    return FALSE;
  do
    {
      before_ns = *cpu_ns;
      load_swarm_run (swarm, g_get_monotonic_time () + IDLE_CHECK_US);
      if (!load_probe_cpu (pid, cpu_ns, error))
        return FALSE;
    }
  while (*cpu_ns - before_ns > IDLE_CPU_NS && g_get_monotonic_time () < deadline_us);
  return TRUE;
}

static gboolean
run_step (LoadSwarm *swarm, pid_t pid, guint count, LoadStep *step, GError **error)
{
  gint64 start_us, start_ns;

  step->added = count - load_swarm_count_open (swarm);
  if (!await_idle (swarm, pid, &start_ns, error))
    return FALSE;
  start_us = g_get_monotonic_time ();
  if (!load_swarm_connect (swarm, count, error))
    return FALSE;
  step->seconds = (g_get_monotonic_time () - start_us) / 1e6;
  if (!await_idle (swarm, pid, &step->server_cpu_ns, error))
    return FALSE;
  step->server_cpu_ns -= start_ns;
  step->clients = load_swarm_count_open (swarm);
  fprintf (stderr, "connected %u clients\n", step->clients);
  return load_probe_memory (pid, &step->rss, &step->pss, error);
}

static gboolean
run_traffic (LoadRun *run, const LoadOptions *options, LoadSwarm *swarm, GError **error)
{
  if (options->hold_us > 0)
    fprintf (stderr, "holding for %g s\n", options->hold_us / 1e6);
  load_swarm_run (swarm, g_get_monotonic_time () + options->hold_us);
  if (options->connect_only)
    return TRUE;
  fprintf (stderr, "sending for %g s\n", (options->warmup_us + options->duration_us) / 1e6);
  run->traffic = load_traffic_new ();
  return load_traffic_run (swarm, options, run->traffic, error);
}

static gboolean
run_round (LoadRun *run, const LoadOptions *options, LoadSwarm *swarm, GError **error)
{
  LoadRound *round = g_new0 (LoadRound, 1);
  gint64 start_us, cpu_ns;

  round->steps = g_array_new (FALSE, TRUE, sizeof (LoadStep));
  g_ptr_array_add (run->rounds, round);
  for (guint i = 0; i < options->steps->len; i++)
    {
      LoadStep step = { 0 };

      if (!run_step (swarm, options->pid, g_array_index (options->steps, guint, i), &step, error))
        return FALSE;
      g_array_append_val (round->steps, step);
    }
  if (!run_traffic (run, options, swarm, error))
    return FALSE;
  start_us = g_get_monotonic_time ();
  load_swarm_close (swarm);
  round->close_seconds = (g_get_monotonic_time () - start_us) / 1e6;
  return await_idle (swarm, options->pid, &cpu_ns, error)
         && load_probe_memory (options->pid, &round->rss, &round->pss, error);
}

LoadRun *
load_run_new (const LoadOptions *options, LoadSwarm *swarm, GError **error)
{
  g_autoptr (LoadRun) run = g_new0 (LoadRun, 1);

  run->rounds = g_ptr_array_new_with_free_func (load_round_free);
  for (guint i = 0; i < options->rounds; i++)
    if (!run_round (run, options, swarm, error))
      return NULL;
  return g_steal_pointer (&run);
}
