/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define RD_PARCEL_FDS_MAX 253 /* descriptors in a packet: SCM_MAX_FD of the kernel, unix(7) */

/* What the processes of a hand-over tell each other; a packet each. */
typedef enum
{
  /*                             the body's type: what it says; the descriptors */
  RD_PARCEL_KIND_LISTENERS = 1, /* (a{sv}aa{sv}): who speaks; of each listening socket what it is
                                 * for; as many sockets */
  RD_PARCEL_KIND_READY = 2,     /* (u): process id of the successor, which has bound its ports */
  RD_PARCEL_KIND_ERROR = 3,     /* (s): why the successor cannot go on */
  RD_PARCEL_KIND_HEADER = 4,    /* a{sv}: anything small; the memfds of log, table and state */
  RD_PARCEL_KIND_SOCKETS = 5,   /* (u): how many sockets came before; 1 to 253 more of them */
  RD_PARCEL_KIND_TAKEN = 6, /* (uu): how many clients the successor takes, and how many it closes */
  RD_PARCEL_KIND_COMMIT = 7,  /* (): the clients are the successor's */
  RD_PARCEL_KIND_ABORT = 8,   /* (s): why the predecessor keeps its clients */
  RD_PARCEL_KIND_SERVING = 9, /* (): the successor has them, and its name on the bus */
} RdParcelKind;

typedef enum
{
  RD_PARCEL_ERROR_ENDED,       /* the other process has hung up, or died */
  RD_PARCEL_ERROR_TIMED_OUT,   /* it is too slow, or hangs */
  RD_PARCEL_ERROR_REFUSED,     /* it said ERROR: the message is its own */
  RD_PARCEL_ERROR_ABORTED,     /* it said ABORT: the message is its own */
  RD_PARCEL_ERROR_MALFORMED,   /* what it said is no packet, or none that is due */
  RD_PARCEL_ERROR_LAYOUT,      /* it packs in another layout */
  RD_PARCEL_ERROR_DESCRIPTORS, /* we may not open as many descriptors as came; some are lost */
  RD_PARCEL_ERROR_FULL,        /* nobody reads, and no more goes in */
  RD_PARCEL_ERROR_IN_FLIGHT,   /* the user has too many descriptors on their way, unix(7) */
} RdParcelError;

#define RD_PARCEL_ERROR (rd_parcel_error_quark ())
GQuark rd_parcel_error_quark (void);

/* What came. */
typedef struct
{
  RdParcelKind kind;
  GVariant *body; /* owned: of the type above */
  GArray *fds;    /* owned: int; close-on-exec, closed with the packet */
} RdParcelPacket;

/* Returns: the name of @kind in messages, "LISTENERS" and so on. */
const char *rd_parcel_kind_get_name (RdParcelKind kind);

/* Returns: (transfer full) (element-type int): an array that closes what is in it. */
GArray *rd_parcel_fds_new (void);

/* Returns: (transfer full): the descriptor at @index of such an array, which closes it no more. */
int rd_parcel_fds_steal (GArray *fds, guint index);

/* Sends a packet to the other end of @socket, all of it or nothing, and does not wait.
 * @layout: of what is packed. @body: of the type that @kind has. @fds: stay the caller's.
 * Returns: FALSE with an error: G_IO_ERROR_WOULD_BLOCK where the buffer has no room,
 * RD_PARCEL_ERROR_IN_FLIGHT, RD_PARCEL_ERROR_ENDED, G_IO_ERROR_MESSAGE_TOO_LARGE for what never
 * goes into a packet, or one of the system. */
gboolean rd_parcel_packet_send (int socket,
                                guint32 layout,
                                RdParcelKind kind,
                                GVariant *body,
                                const int *fds,
                                guint n_fds,
                                GError **error);

/* Takes the next packet from @socket, and does not wait. @layout: the one that is understood; ERROR
 * and ABORT are in any.
 * Returns: (transfer full): NULL with an error: G_IO_ERROR_WOULD_BLOCK where there is none,
 * RD_PARCEL_ERROR_ENDED behind the last one, RD_PARCEL_ERROR_MALFORMED, RD_PARCEL_ERROR_LAYOUT,
 * RD_PARCEL_ERROR_DESCRIPTORS, or one of the system. Descriptors that came are closed then. */
RdParcelPacket *rd_parcel_packet_receive (int socket, guint32 layout, GError **error);

/* As that, and leaves it where it is; the descriptors are duplicates. */
RdParcelPacket *rd_parcel_packet_peek (int socket, guint32 layout, GError **error);

void rd_parcel_packet_free (RdParcelPacket *packet);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdParcelPacket, rd_parcel_packet_free)

G_END_DECLS
