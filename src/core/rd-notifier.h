/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-bus.h"

typedef struct _RdNotifier RdNotifier;

/* Due time of a notifier that is off, and of the next notification where none is known. */
#define RD_NOTIFIER_NEVER G_MAXINT64

/* Publishes @message on @bus every @interval_us (0: never), at most once for all nodes.
 * @due_us: monotonic time of the first notification, which comes at once if that time is past, and
 * after one interval at the latest. Later ones are whole intervals after it; missed ones are
 * skipped. Returns: (transfer full): runs until it is freed. */
RdNotifier *rd_notifier_new (RdBus *bus, gint64 interval_us, const char *message, gint64 due_us);
void rd_notifier_free (RdNotifier *notifier);

/* Returns: the monotonic time of the next notification, or %RD_NOTIFIER_NEVER. */
gint64 rd_notifier_get_due_us (const RdNotifier *notifier);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdNotifier, rd_notifier_free)
