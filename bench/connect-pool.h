/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "load-target.h"

typedef struct
{
  guint n_connections; /* to open; 0: as many as in `duration_us` */
  guint at_once;       /* handshakes in progress, at most; not used with a rate */
  double rate;         /* connections/s, opened at fixed times; 0: `at_once` is the only limit */
  gint64 duration_us;  /* no connection is opened later; 0: no limit */
  gint64 timeout_us;   /* of one connection, from its start to the answer or the end */
  gboolean silent;     /* send nothing */
  gboolean leave;      /* close each connection after its 101 */
} ConnectOptions;

/* The ends of all connections. */
typedef struct
{
  guint started;
  guint opened; /* answered with 101 */
  guint lost;   /* closed by the server after the 101 */
  GHashTable
    *refused;   /* owned, HTTP status -> count; 0: the answer is not HTTP or has a wrong key */
  guint closed; /* closed by the server without an answer */
  guint reset;  /* reset by the server */
  guint timed_out;
  guint recycled;   /* closed by us, because all our descriptors were used */
  guint failed;     /* other errors, see `error` */
  GError *error;    /* owned, nullable: the first one */
  GArray *times_us; /* owned, of gint64: from the start, or the due time, to the 101 */
  double start_s;   /* from the first start to the last one */
  double end_s;     /* from the first start to the end of the last connection in progress */
} ConnectResult;

/* Opens connections to @target, and waits until each has got an answer, has ended or has timed out.
 * Each one is started once. A connection that gets no 101 is closed; if more connections are open
 * than this process may have descriptors, the oldest is closed. Fails if @options need more
 * descriptors than that. Returns: (transfer full): the result, or NULL with an error. */
ConnectResult *connect_pool_run (const LoadTarget *target,
                                 const ConnectOptions *options,
                                 GError **error);
void connect_result_free (ConnectResult *result);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ConnectResult, connect_result_free)
