/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-manager.h"

/* Shuts the service down gracefully: refuses new clients, waits for the connected clients to
 * disconnect, and at a deadline closes the remaining connections.
 *
 * Signal "state-changed": the result of rd_drain_get_state() has changed.
 * Signal "accepting-changed": the result of rd_drain_is_accepting() has changed.
 * Signal "progress" (guint clients, guint seconds_left): emitted when a drain begins, when its
 * deadline changes, periodically during the drain, and with 0 seconds left before the remaining
 * clients are closed. */
#define RD_TYPE_DRAIN (rd_drain_get_type ())
G_DECLARE_FINAL_TYPE (RdDrain, rd_drain, RD, DRAIN, GObject)

typedef struct
{
  gint64 timeout_us;  /* time from the start of the drain to its deadline */
  gint64 interval_us; /* time between progress reports; must be at least 1000 */
  gint64 grace_us;    /* time from the start of the drain during which new clients are accepted */
  WsCloseCode code;   /* %WS_CLOSE_SERVICE_RESTART or %WS_CLOSE_GOING_AWAY */
} RdDrainOptions;

RdDrain *rd_drain_new (RdManager *manager, const RdDrainOptions *options);

/* Makes the server accept clients again. Returns: TRUE, or FALSE with an error. */
typedef gboolean (*RdDrainReopenFunc) (gpointer user_data, GError **error);

/* @func: (nullable): rd_drain_cancel() calls it if the service has already stopped accepting new
 * clients. */
void rd_drain_set_reopen_func (RdDrain *self, RdDrainReopenFunc func, gpointer user_data);

/* Begins to drain, or moves the deadline of the current drain. @timeout_us: time from now to the
 * deadline. If negative, a new drain uses the configured timeout, and a current drain does not
 * change. */
void rd_drain_begin (RdDrain *self, gint64 timeout_us);

/* Handles a termination signal: the first begins the drain, the second closes all clients, and the
 * third ends the drain. A signal has no effect within a second after the previous one. If the drain
 * was begun in another way, the first signal has no effect: the service manager may have sent it,
 * so it must not close the clients. @now_us: time of the signal, CLOCK_MONOTONIC. */
void rd_drain_interrupt (RdDrain *self, gint64 now_us);

/* Cancels the drain. Returns: TRUE, or FALSE with an error: the error of the reopen function, or
 * %RD_ERROR_NOT_DRAINING if no drain is in progress or the drain is already closing clients. */
gboolean rd_drain_cancel (RdDrain *self, GError **error);

/* Returns: "running", "draining" or "drained". */
const char *rd_drain_get_state (RdDrain *self);
gboolean rd_drain_is_running (RdDrain *self);
gboolean rd_drain_is_drained (RdDrain *self);
gboolean rd_drain_is_accepting (RdDrain *self);

/* Returns: seconds until the deadline, rounded up; 0 if not draining, or after the deadline. */
guint rd_drain_get_seconds_left (RdDrain *self);
