/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

#define RD_INHERITED_FIRST   3        /* the first inherited descriptor (SD_LISTEN_FDS_START) */
#define RD_INHERITED_CHANNEL "parcel" /* FDNAME= of hand-over channels in the descriptor store */

/* Number of descriptors that clients cannot use. A third of them is for uses other than
 * connections, so that the service still works while all others are in use. */
#define RD_DESCRIPTORS_RESERVED 384

/* Limits within the descriptor limit. */
typedef struct
{
  guint clients; /* maximum number of clients */
  int max_fd;    /* highest descriptor for a connection */
} RdDescriptors;

/* Raises the soft limit of descriptors to the hard limit (RLIMIT_NOFILE, getrlimit(2)); logs a
 * warning on failure. Returns the resulting soft limit. */
guint64 rd_descriptors_raise (void);

/* Divides the descriptor limit @limit; small limits have a smaller reserve. */
void rd_descriptors_share (guint64 limit, RdDescriptors *share);

/* Sockets passed by the service manager (sd_listen_fds(3), systemd.socket(5)). */
typedef struct
{
  GPtrArray *clients; /* GSocket, owned: listening sockets of the public port; may be empty */
  GPtrArray *admin;   /* GSocket, owned: listening sockets named "admin"; may be empty */
  GArray *channels;   /* int, owned: hand-over channels (UNIX SOCK_SEQPACKET); -1 once stolen */
} RdInherited;

/* Takes ownership of the sockets that LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES describe, and sets
 * FD_CLOEXEC on them. @environment: NULL-terminated. @first: first descriptor. Returns: (transfer
 * full) (nullable): the sockets, or NULL with an error that names the variable or descriptor. */
RdInherited *rd_inherited_new (char **environment, int first, GError **error);
void rd_inherited_free (RdInherited *self);

/* Returns: (transfer full): the descriptor of the next hand-over channel; -1 if none is left. */
int rd_inherited_steal_channel (RdInherited *self);

/* Removes the inherited sockets from @offers. Adds them to @self, except the sockets of a port for
 * which @self already has sockets. @offers: (element-type RdSocket): the listening sockets of the
 * old worker. */
void rd_inherited_take_over (RdInherited *self, GPtrArray *offers);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdInherited, rd_inherited_free)
