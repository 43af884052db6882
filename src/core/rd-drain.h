/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-manager.h"

/* Ends the service gracefully: waits until all clients have left, then closes the remaining clients
 * with 1012 at a deadline.
 *
 * Signals "state-changed" and "accepting-changed": see rd_drain_get_state() and
 * rd_drain_is_accepting().
 * Signal "progress" (guint clients, guint seconds_left): emitted when the drain begins,
 * periodically, and when the deadline changes. */
#define RD_TYPE_DRAIN (rd_drain_get_type ())
G_DECLARE_FINAL_TYPE (RdDrain, rd_drain, RD, DRAIN, GObject)

typedef struct
{
  gint64 timeout_us;  /* time until the remaining clients are closed */
  gint64 interval_us; /* between two progress reports; at least 1 ms */
  gint64 grace_us;    /* time to keep accepting clients */
} RdDrainOptions;

RdDrain *rd_drain_new (RdManager *manager, const RdDrainOptions *options);

/* Accepts clients again. Returns: FALSE with an error if that is not possible. */
typedef gboolean (*RdDrainReopenFunc) (gpointer user_data, GError **error);

/* @func: (nullable): called when a drain is cancelled that has stopped accepting clients. */
void rd_drain_set_reopen_func (RdDrain *self, RdDrainReopenFunc func, gpointer user_data);

/* Begins to drain, or moves the deadline if draining already. @timeout_us: time from now; negative:
 * the configured timeout, or no effect if draining already. */
void rd_drain_begin (RdDrain *self, gint64 timeout_us);

/* Handles a termination signal: the first begins to drain, the second closes all clients, the third
 * ends the drain. If the drain was begun by other means, the first signal has no effect, as it may
 * come from a service manager that stops the service. */
void rd_drain_interrupt (RdDrain *self);

/* Returns to the running state. Returns: FALSE with %RD_ERROR_NOT_DRAINING if not draining or
 * closing clients already, or with the error of the reopen function. */
gboolean rd_drain_cancel (RdDrain *self, GError **error);

/* Returns: "running", "draining" or "drained". */
const char *rd_drain_get_state (RdDrain *self);
gboolean rd_drain_is_running (RdDrain *self);
gboolean rd_drain_is_drained (RdDrain *self);
gboolean rd_drain_is_accepting (RdDrain *self);

/* Returns: seconds until the deadline, rounded up; 0 while not draining. */
guint rd_drain_get_seconds_left (RdDrain *self);
