/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* ringdown-bench: parses options, runs, reports. Exit status: 0: every message was delivered once
 * and in order, and no connection ended early; 1: otherwise, or the run failed; 2: wrong usage. */

#include "load-options.h"
#include "load-report.h"
#include "load-run.h"
#include "load-swarm.h"
#include "load-target.h"

#include <stdio.h>

static gboolean
run (const LoadOptions *options, gboolean *clean, GError **error)
{
  g_autoptr (LoadTarget) target = load_target_new (options->url, error);
  g_autoptr (LoadTarget) far = NULL;
  g_autoptr (LoadSwarm) swarm = NULL;
  g_autoptr (LoadRun) result = NULL;
  g_autofree char *report = NULL;

  if (target == NULL)
    return FALSE;
  if (options->far_url != NULL && (far = load_target_new (options->far_url, error)) == NULL)
    return FALSE;
  swarm = load_swarm_new (options->n_clients, target, error);
  if (swarm == NULL)
    return FALSE;
  if (far != NULL)
    load_swarm_set_target (swarm, options->n_near, far);
  result = load_run_new (options, swarm, error);
  if (result == NULL)
    return FALSE;
  report = options->json ? load_report_json (options, result, load_swarm_get_endings (swarm))
                         : load_report_text (options, result, load_swarm_get_endings (swarm));
  fputs (report, stdout);
  *clean = load_report_is_clean (result, load_swarm_get_endings (swarm));
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (LoadOptions) options = load_options_parse (&argc, &argv, &error);
  gboolean clean = FALSE;

  if (options != NULL && run (options, &clean, &error))
    return clean ? 0 : 1;
  fprintf (stderr, "ringdown-bench: %s\n", error->message);
  return options == NULL ? 2 : 1;
}
