/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-bus.h"

typedef struct _RdNotifier RdNotifier;

/* Due time if notifications are disabled. As an argument of rd_notifier_new(): due time unknown. */
#define RD_NOTIFIER_NEVER G_MAXINT64

/* Publishes @message on @bus every @interval_us (0: never). Each time, only one node publishes it.
 * @due_us: time of the first notification (CLOCK_MONOTONIC), but at most one interval from now; if
 * it is past, the first notification is immediate. The others follow at whole intervals after
 * that time. Missed notifications are skipped. Returns: (transfer full): the notifier, which runs
 * until freed. */
RdNotifier *rd_notifier_new (RdBus *bus, gint64 interval_us, const char *message, gint64 due_us);
void rd_notifier_free (RdNotifier *notifier);

/* Returns: the time of the next notification (CLOCK_MONOTONIC), or %RD_NOTIFIER_NEVER. */
gint64 rd_notifier_get_due_us (const RdNotifier *notifier);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdNotifier, rd_notifier_free)
