/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What the limit of descriptors allows for. */
typedef struct
{
  guint clients;
  guint handshakes; /* connections of the public port that are no clients yet */
} RdDescriptors;

/* Raises the limit of descriptors as far as the hard limit allows (getrlimit(2)).
 * Returns: what it is then. */
guint64 rd_descriptors_raise (void);

/* Shares @limit out: so that with all clients and all handshakes there, some are left for
 * everything else. */
void rd_descriptors_share (guint64 limit, RdDescriptors *share);

G_END_DECLS
