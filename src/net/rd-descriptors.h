/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

#define RD_INHERITED_FIRST   3        /* SD_LISTEN_FDS_START of sd_listen_fds(3) */
#define RD_INHERITED_CHANNEL "parcel" /* FDNAME= of a stored hand-over channel */

/* How the limit of descriptors is divided. */
typedef struct
{
  guint clients;
  guint handshakes; /* connections to the public port that are not clients yet */
} RdDescriptors;

/* Raises the soft limit of descriptors to the hard limit (getrlimit(2)), and logs a warning if that
 * fails. Returns the limit. */
guint64 rd_descriptors_raise (void);

/* Divides @limit between clients, handshakes and a reserve for everything else. */
void rd_descriptors_share (guint64 limit, RdDescriptors *share);

/* Sockets passed by the service manager (sd_listen_fds(3), systemd.socket(5)). */
typedef struct
{
  GPtrArray *clients; /* GSocket, owned: listening sockets of the public port, maybe empty */
  GPtrArray *admin;   /* GSocket, owned: listening sockets named "admin", maybe empty */
  GArray *channels;   /* int, owned: hand-over channels (UNIX SOCK_SEQPACKET); -1: stolen */
} RdInherited;

/* Takes the sockets described by LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES in @environment
 * (NULL-terminated), whose descriptors start at @first, and sets FD_CLOEXEC on them.
 * Returns: (transfer full): NULL with an error that names the faulty variable or descriptor. */
RdInherited *rd_inherited_new (char **environment, int first, GError **error);
void rd_inherited_free (RdInherited *self);

/* Returns: (transfer full): the next hand-over channel; -1 if none is left. */
int rd_inherited_steal_channel (RdInherited *self);

/* Removes from @offers (element-type RdSocket) the sockets that the old worker inherited, and adds
 * them to @self for each port that has no inherited socket yet. */
void rd_inherited_take_over (RdInherited *self, GPtrArray *offers);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdInherited, rd_inherited_free)
