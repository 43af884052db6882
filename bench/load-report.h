/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "load-options.h"
#include "load-run.h"
#include "load-swarm.h"

/* Returns: (transfer full): text of at most 80 columns. */
char *load_report_text (const LoadOptions *options, const LoadRun *run, const LoadEndings *endings);

/* Returns: (transfer full): a JSON object on one line. */
char *load_report_json (const LoadOptions *options, const LoadRun *run, const LoadEndings *endings);

/* Returns whether no message was lost, doubled or out of order, and all connections were closed by
 * us, with code 1000. */
gboolean load_report_is_clean (const LoadRun *run, const LoadEndings *endings);
