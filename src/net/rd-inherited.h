/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define RD_INHERITED_FIRST  3        /* SD_LISTEN_FDS_START of sd_listen_fds(3) */
#define RD_INHERITED_PARCEL "parcel" /* FDNAME= under which a predecessor stores one */

/* Listening sockets that a service manager has opened and passed on to us (sd_listen_fds(3),
 * systemd.socket(5)), by what they are for. */
typedef struct
{
  GPtrArray *clients; /* GSocket, owned; empty: none */
  GPtrArray *admin;   /* GSocket, owned; empty: none: those named “admin” */
  guint n_parcels;    /* that came, taken or not */
  GArray *parcels;    /* int, owned; empty: none: those named “parcel”, UNIX SOCK_SEQPACKET */
} RdInherited;

/* Takes over the sockets that LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES in @environment (a
 * NULL-terminated array) speak of: the descriptors from @first on.
 * Returns: (transfer full): NULL with an error that names the variable, or the descriptor, that
 * cannot be right. */
RdInherited *rd_inherited_new (char **environment, int first, GError **error);
void rd_inherited_free (RdInherited *self);

/* Returns: (transfer full): the next parcel, -1 if there is none left. */
int rd_inherited_steal_parcel (RdInherited *self);

/* Takes from @offers (element-type RdSocket) of a predecessor those that the service manager passed
 * to it. They count for a port for which it has passed none to us; else we have them twice, and
 * they are dropped. */
void rd_inherited_take_over (RdInherited *self, GPtrArray *offers);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdInherited, rd_inherited_free)

G_END_DECLS
