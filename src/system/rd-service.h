/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-call-forwarder.h"
#include "rd-drain.h"
#include "rd-metrics.h"
#include "rd-manager.h"
#include "rd-nodes.h"
#include "rd-subscribers.h"

/* The D-Bus object with the interface of data/org.ringdown.Server1.xml.
 *
 * Signals, each with one handler that answers the call (transfer full): "upgrade"
 * (GDBusMethodInvocation *): start a new worker. "hand-over" (gint fd, GDBusMethodInvocation *):
 * hand over to the process at the other end of the socket @fd (transfer full). Without a handler
 * the calls fail with %RD_ERROR_HANDOVER_FAILED. */
#define RD_TYPE_SERVICE (rd_service_get_type ())
G_DECLARE_FINAL_TYPE (RdService, rd_service, RD, SERVICE, RdDBusServer1Skeleton)

/* @instance: (nullable). Returns: (transfer full): an object to export at %RD_OBJECT_PATH. */
RdService *rd_service_new (RdManager *manager,
                           RdDrain *drain,
                           RdBus *bus,
                           RdNodes *nodes,
                           const char *instance);

/* Sets the properties Generation and Handover. Without a call they are 1 and empty. */
void rd_service_set_handover (RdService *self, const RdHandoverReport *report);

/* Leaves all further calls to @forwarder (unowned: outlives the service); answers those that
 * concern this process with %RD_ERROR_BUSY. */
void rd_service_retire (RdService *self, RdCallForwarder *forwarder);

/* Returns: (transfer none): the subscribers of the client signals. */
RdSubscribers *rd_service_get_subscribers (RdService *self);
