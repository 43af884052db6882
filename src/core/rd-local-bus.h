/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-bus.h"

G_BEGIN_DECLS

#define RD_TYPE_LOCAL_BUS (rd_local_bus_get_type ())
G_DECLARE_FINAL_TYPE (RdLocalBus, rd_local_bus, RD, LOCAL_BUS, GObject)

/* The bus of a worker that is alone: what is published is delivered at once. */
RdBus *rd_local_bus_new (void);

G_END_DECLS
