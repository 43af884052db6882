/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-bus.h"

G_BEGIN_DECLS

typedef struct _RdNotifier RdNotifier;

/* Publishes @message on @bus, in turn with the other workers there, every @interval_us; 0: never.
 * @due_us: monotonic time of the first one, at once if it is past; 0: after one interval, which is
 * the latest, too. Those that follow keep to that rhythm; what is missed entirely is left out.
 * Returns: (transfer full): runs until it is freed. */
RdNotifier *rd_notifier_new (RdBus *bus, gint64 interval_us, const char *message, gint64 due_us);
void rd_notifier_free (RdNotifier *notifier);

/* Returns: the monotonic time of the next one, with which another process keeps the rhythm; 0:
 * never. */
gint64 rd_notifier_get_due_us (const RdNotifier *notifier);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdNotifier, rd_notifier_free)

G_END_DECLS
