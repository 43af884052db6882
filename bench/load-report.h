/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "load-options.h"
#include "load-run.h"
#include "load-swarm.h"

/* Returns: (transfer full): for people, at most 80 columns. */
char *load_report_text (const LoadOptions *options, const LoadRun *run, const LoadEndings *endings);

/* Returns: (transfer full): one JSON object and a line end. */
char *load_report_json (const LoadOptions *options, const LoadRun *run, const LoadEndings *endings);

/* Returns: TRUE if nothing was lost, doubled or out of order, and no connection ended but as we
 * asked. */
gboolean load_report_is_clean (const LoadRun *run, const LoadEndings *endings);
