/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Returns: how many descriptors the user of this process may have on their way, sent and not
 * received yet, while this process goes on sending: at least so many clients go into a parcel that
 * nobody reads yet, if the user has nothing else on its way; G_MAXUINT64: no such limit. */
guint64 rd_parcel_get_in_flight_max (void);

G_END_DECLS
