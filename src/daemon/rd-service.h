/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-dbus.h"
#include "rd-drain.h"
#include "rd-manager.h"
#include "rd-nodes.h"

G_BEGIN_DECLS

/* The D-Bus object: org.ringdown.Server1 as data/org.ringdown.Server1.xml documents it. */
#define RD_TYPE_SERVICE (rd_service_get_type ())
G_DECLARE_FINAL_TYPE (RdService, rd_service, RD, SERVICE, RdDBusServer1Skeleton)

/* @instance: (nullable). Returns: (transfer full): an object to be exported at %RD_OBJECT_PATH. */
RdService *rd_service_new (RdManager *manager, RdDrain *drain, RdBus *bus, const char *instance);

/* From here on Nodes tells of them. */
void rd_service_show_nodes (RdService *self, RdNodes *nodes);

G_END_DECLS
