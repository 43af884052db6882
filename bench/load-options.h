/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct
{
  char *url;     /* owned */
  char *far_url; /* owned, nullable */
  GArray *steps; /* owned, of guint, rising: client counts to report at; the last is all clients */
  guint n_clients;
  guint n_near; /* the first clients connect to `url`, the others to `far_url` */
  guint n_senders;
  guint in_flight; /* 0: open loop at `rate` */
  double rate;     /* messages/s of all senders */
  guint size;
  gint64 duration_us;
  gint64 warmup_us;
  guint n_windows; /* equal parts of the measured time; silences are reported for each */
  gint64 hold_us;
  guint rounds;
  pid_t pid; /* of the server; 0: its CPU and memory are not measured */
  gboolean connect_only;
  gboolean json;
} LoadOptions;

/* Returns: (transfer full): the options, or NULL with an error of one line. `--help` prints the
 * help and exits with 0. */
LoadOptions *load_options_parse (int *argc, char ***argv, GError **error);
void load_options_free (LoadOptions *options);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LoadOptions, load_options_free)
