/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-dbus.h"
#include "rd-drain.h"
#include "rd-metrics.h"
#include "rd-manager.h"
#include "rd-nodes.h"
#include "rd-relay.h"

G_BEGIN_DECLS

/* The D-Bus object: org.ringdown.Server1 as data/org.ringdown.Server1.xml documents it.
 *
 * Signals, each (transfer full) to the one handler there is: "upgrade" (GDBusMethodInvocation *):
 * the caller waits for what it comes to. "hand-over" (gint fd, GDBusMethodInvocation *): the caller
 * wants to go on with the clients, and has the other end of the socket @fd; it waits to hear
 * whether that is taken up. Without a handler they are %RD_ERROR_HANDOVER_FAILED. */
#define RD_TYPE_SERVICE (rd_service_get_type ())
G_DECLARE_FINAL_TYPE (RdService, rd_service, RD, SERVICE, RdDBusServer1Skeleton)

/* @instance: (nullable). Returns: (transfer full): an object to be exported at %RD_OBJECT_PATH. */
RdService *rd_service_new (RdManager *manager,
                           RdDrain *drain,
                           RdBus *bus,
                           RdNodes *nodes,
                           const char *instance);

/* From here on Generation and Handover tell of it; at first of none, in generation 1. */
void rd_service_set_handover (RdService *self, const RdHandoverReport *report);

/* Another process is about to be the service: nothing that is still asked of this one is done, but
 * held by @relay, which outlives it. What only this process could do is %RD_ERROR_BUSY. */
void rd_service_retire (RdService *self, RdRelay *relay);

/* Who hears the signals about clients. Returns: (transfer floating): an as of unique names. */
GVariant *rd_service_pack_listeners (RdService *self);

/* Has them go on hearing, as far as they are still there. @names: an as of another process that was
 * on the bus of @connection. */
void rd_service_unpack_listeners (RdService *self, GVariant *names, GDBusConnection *connection);

G_END_DECLS
