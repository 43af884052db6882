/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-call-forwarder.h"
#include "rd-drain.h"
#include "rd-metrics.h"
#include "rd-manager.h"
#include "rd-nodes.h"
#include "rd-subscribers.h"

/* The D-Bus object that implements data/org.ringdown.Server1.xml. Its GObject signals:
 *
 * "upgrade" (GDBusMethodInvocation *): request for an upgrade to a new worker.
 * "hand-over" (gint fd, GDBusMethodInvocation *): request for a hand-over to the process that has
 * the other end of the socket @fd.
 *
 * Each of these two signals needs one handler, which takes ownership of all arguments and replies
 * to the invocation. Without a handler, the D-Bus method fails with %RD_ERROR_HANDOVER_FAILED. */
#define RD_TYPE_SERVICE (rd_service_get_type ())
G_DECLARE_FINAL_TYPE (RdService, rd_service, RD, SERVICE, RdDBusServer1Skeleton)

/* @instance: (nullable): instance name. Returns: (transfer full): object to export at
 * %RD_OBJECT_PATH. */
RdService *rd_service_new (RdManager *manager,
                           RdDrain *drain,
                           RdBus *bus,
                           RdNodes *nodes,
                           const char *instance);

/* Sets the properties Generation and Handover (initially 1 and an empty dictionary). */
void rd_service_set_handover (RdService *self, const RdHandoverReport *report);

/* Passes all later method calls to @forwarder, except HandOver, SetClientSignals and Upgrade, which
 * fail with %RD_ERROR_BUSY. @forwarder: (transfer none): must outlive the service. */
void rd_service_retire (RdService *self, RdCallForwarder *forwarder);

/* Returns: (transfer none): the subscribers to ClientConnected and ClientDisconnected. */
RdSubscribers *rd_service_get_subscribers (RdService *self);
