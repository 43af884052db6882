/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define RD_PARCEL_FDS_MAX 253 /* maximum number of descriptors in a packet (unix(7)) */

/* Kinds of packets. Each comment names the type of the body, its contents, and the descriptors. */
typedef enum
{
  RD_PARCEL_KIND_LISTENERS = 1, /* (a{sv}aa{sv}): greeting; one description for each listening
                                 * socket. Descriptors: the listening sockets */
  RD_PARCEL_KIND_READY = 2,     /* (u): process id of the new worker, which has bound its ports */
  RD_PARCEL_KIND_ERROR = 3,     /* (s): reason why the new worker cannot take over */
  RD_PARCEL_KIND_HEADER = 4,    /* a{sv}: small values. Descriptors: memfds of log, table, state */
  RD_PARCEL_KIND_SOCKETS = 5,   /* (u): number of sockets sent before. Descriptors: 1-253 sockets */
  RD_PARCEL_KIND_TAKEN = 6,     /* (uu): number of clients taken over, number of clients closed */
  RD_PARCEL_KIND_COMMIT = 7,    /* (): the new worker now owns the clients */
  RD_PARCEL_KIND_ABORT = 8,     /* (s): reason why the old worker keeps its clients */
  RD_PARCEL_KIND_SERVING = 9,   /* (): the new worker serves the clients */
} RdParcelKind;

typedef enum
{
  RD_PARCEL_ERROR_ENDED,       /* the other process closed the channel or exited */
  RD_PARCEL_ERROR_TIMED_OUT,   /* the deadline passed */
  RD_PARCEL_ERROR_REFUSED,     /* received ERROR; the error message is its text */
  RD_PARCEL_ERROR_ABORTED,     /* received ABORT; the error message is its text */
  RD_PARCEL_ERROR_MALFORMED,   /* received an invalid or unexpected packet */
  RD_PARCEL_ERROR_LAYOUT,      /* received a packet of another layout */
  RD_PARCEL_ERROR_DESCRIPTORS, /* descriptor limit reached; received descriptors are lost */
  RD_PARCEL_ERROR_FULL,        /* the channel is full and the deadline is 0 */
  RD_PARCEL_ERROR_IN_FLIGHT,   /* too many descriptors of this user are in flight (unix(7)) */
} RdParcelError;

#define RD_PARCEL_ERROR (rd_parcel_error_quark ())
GQuark rd_parcel_error_quark (void);

/* A received packet. */
typedef struct
{
  RdParcelKind kind;
  GVariant *body; /* owned: its type depends on @kind */
  GArray *fds;    /* owned: array of int; close-on-exec; closed with the packet */
} RdParcelPacket;

/* Returns: the name of @kind for messages, such as "LISTENERS". */
const char *rd_parcel_kind_get_name (RdParcelKind kind);

/* Returns: (transfer full) (element-type int): an array that closes its descriptors when freed. */
GArray *rd_parcel_fds_new (void);

/* Returns: (transfer full): the descriptor at @index. @fds: from rd_parcel_fds_new(); will not
 * close this descriptor. */
int rd_parcel_fds_steal (GArray *fds, guint index);

/* Sends a whole packet to the other end of @socket, without blocking. @layout: version of the
 * packed data. @body: value of the type that @kind requires. @fds: (transfer none).
 * Returns: TRUE, or FALSE with an error: %G_IO_ERROR_WOULD_BLOCK if the buffer is full,
 * %G_IO_ERROR_MESSAGE_TOO_LARGE if the packet can never be sent, %RD_PARCEL_ERROR_IN_FLIGHT,
 * %RD_PARCEL_ERROR_ENDED, or a system error. */
gboolean rd_parcel_packet_send (int socket,
                                guint32 layout,
                                RdParcelKind kind,
                                GVariant *body,
                                const int *fds,
                                guint n_fds,
                                GError **error);

/* Receives the next packet from @socket, without blocking. @layout: accepted version of the packed
 * data; ERROR and ABORT are accepted in every version.
 * Returns: (transfer full) (nullable): the packet, or NULL with an error: %G_IO_ERROR_WOULD_BLOCK
 * if there is no packet, %RD_PARCEL_ERROR_ENDED if there will be no more packets,
 * %RD_PARCEL_ERROR_MALFORMED, %RD_PARCEL_ERROR_LAYOUT, %RD_PARCEL_ERROR_DESCRIPTORS, or a system
 * error. On error, all descriptors of the packet are closed. */
RdParcelPacket *rd_parcel_packet_receive (int socket, guint32 layout, GError **error);

/* Like rd_parcel_packet_receive(), but does not remove the packet from @socket, and returns
 * duplicates of its descriptors. */
RdParcelPacket *rd_parcel_packet_peek (int socket, guint32 layout, GError **error);

void rd_parcel_packet_free (RdParcelPacket *packet);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdParcelPacket, rd_parcel_packet_free)

G_END_DECLS
