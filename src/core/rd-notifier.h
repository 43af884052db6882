/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-bus.h"

typedef struct _RdNotifier RdNotifier;

/* Due time of a disabled notifier. If @due_us of rd_notifier_new() has this value, the first
 * notification is due one interval from now. */
#define RD_NOTIFIER_NEVER G_MAXINT64

/* Publishes @message on @bus every @interval_us, or never if @interval_us is 0. Each time, only one
 * node publishes it. @due_us: due time of the first notification (CLOCK_MONOTONIC). If @due_us is
 * past, the first notification is immediate. If @due_us is more than one interval from now, the
 * first notification is due one interval from now. Later notifications are due a whole number of
 * intervals after the first due time; missed notifications are skipped.
 * Returns: (transfer full): the notifier, which runs until it is freed. */
RdNotifier *rd_notifier_new (RdBus *bus, gint64 interval_us, const char *message, gint64 due_us);
void rd_notifier_free (RdNotifier *notifier);

/* Returns: the time of the next notification (CLOCK_MONOTONIC), or %RD_NOTIFIER_NEVER. */
gint64 rd_notifier_get_due_us (const RdNotifier *notifier);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdNotifier, rd_notifier_free)
