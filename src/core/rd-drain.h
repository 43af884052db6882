/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-manager.h"

G_BEGIN_DECLS

/* Ends the service without cutting anybody off: waits until all clients have left, up to a
 * deadline, then closes the rest with 1012.
 *
 * Property "state": "running", "draining" or "drained". Property "accepting": whether new clients
 * are let in. Signal "progress" (guint clients, guint seconds_left): when the drain begins, at each
 * poll, and when its deadline is moved. Signal "reopen" (GError **error) -> gboolean: clients are
 * to be let in again; FALSE with an error if that cannot be done. */
#define RD_TYPE_DRAIN (rd_drain_get_type ())
G_DECLARE_FINAL_TYPE (RdDrain, rd_drain, RD, DRAIN, GObject)

typedef struct
{
  gint64 timeout_us;  /* until the rest is closed */
  gint64 interval_us; /* between two polls; at least 1 ms */
  gint64 grace_us;    /* goes on accepting for so long */
} RdDrainOptions;

RdDrain *rd_drain_new (RdManager *manager, const RdDrainOptions *options);

/* Begins to drain; if under way already, only moves the deadline.
 * @timeout_us: from now; negative: the configured one, or no effect. */
void rd_drain_begin (RdDrain *self, gint64 timeout_us);

/* What a termination signal asks for: first to drain, then to close the rest now, then to end. With
 * a drain under way that no signal began, the first one leaves it as it is: a service manager may
 * stop what is being drained already, and means no harm by it. */
void rd_drain_interrupt (RdDrain *self);

/* Back to running. Returns: FALSE with %RD_ERROR_NOT_DRAINING if there is nothing to cancel, or the
 * clients are being closed already; or with what "reopen" said. */
gboolean rd_drain_cancel (RdDrain *self, GError **error);

const char *rd_drain_get_state (RdDrain *self);
gboolean rd_drain_is_running (RdDrain *self);
gboolean rd_drain_is_drained (RdDrain *self);
gboolean rd_drain_is_accepting (RdDrain *self);

/* Until the deadline, rounded up; 0 while not draining. */
guint rd_drain_get_seconds_left (RdDrain *self);

G_END_DECLS
