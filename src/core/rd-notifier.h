/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-bus.h"

G_BEGIN_DECLS

typedef struct _RdNotifier RdNotifier;

/* Publishes @message on @bus, in turn with the other workers there, every @interval_us, first after
 * one interval; 0: never. Returns: (transfer full): runs until it is freed. */
RdNotifier *rd_notifier_new (RdBus *bus, gint64 interval_us, const char *message);
void rd_notifier_free (RdNotifier *notifier);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdNotifier, rd_notifier_free)

G_END_DECLS
