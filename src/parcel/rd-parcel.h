/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-parcel-packet.h"

G_BEGIN_DECLS

/* One end of a hand-over channel, which is a pair of SOCK_SEQPACKET sockets (unix(7)). The kernel
 * keeps sent packets and their descriptors until the other end reads them, even after the sender
 * has exited. Errors are of the domain %RD_PARCEL_ERROR, or system errors. */
typedef struct _RdParcel RdParcel;

/* Creates a hand-over channel with the largest possible buffers. @layout: version of the packed
 * data. @other_fd: (out) (transfer full): the other end, close-on-exec. Close it after passing it
 * to the other process, otherwise this end does not detect the exit of that process.
 * Returns: (transfer full) (nullable): this end, or NULL with an error. */
RdParcel *rd_parcel_new (guint32 layout, int *other_fd, GError **error);

/* Uses one end of an existing hand-over channel. @fd: (transfer full): the socket; closed on
 * failure. @layout: accepted version of the packed data. Returns: (transfer full) (nullable): this
 * end, or NULL with an error. */
RdParcel *rd_parcel_new_for_fd (int fd, guint32 layout, GError **error);
void rd_parcel_free (RdParcel *parcel);

/* Returns: (transfer none): the socket, to be watched for input. Input means that a packet can be
 * received or that there will be no more packets. */
int rd_parcel_get_fd (const RdParcel *parcel);

/* Sets the monotonic time until which all later sending and receiving may block. 0 (initial value):
 * never block. */
void rd_parcel_set_deadline (RdParcel *parcel, gint64 deadline_us);

/* Returns: whether the deadline has passed; FALSE if it is 0. */
gboolean rd_parcel_is_late (const RdParcel *parcel);

/* Sends one packet; blocks while the channel is full. @body: consumed if floating. @fds: (transfer
 * none): the other process receives duplicates.
 * Returns: TRUE, or FALSE with an error: %RD_PARCEL_ERROR_FULL if the channel is full and the
 * deadline is 0, %RD_PARCEL_ERROR_TIMED_OUT if the deadline passes first, %RD_PARCEL_ERROR_REFUSED
 * or %RD_PARCEL_ERROR_ABORTED if the other process has sent ERROR or ABORT, %RD_PARCEL_ERROR_ENDED
 * if it has closed the channel. */
gboolean rd_parcel_send (RdParcel *parcel,
                         RdParcelKind kind,
                         GVariant *body,
                         const int *fds,
                         guint n_fds,
                         GError **error);

/* Sends ERROR or ABORT. @text: reason, truncated to 1000 characters. Returns: as
 * rd_parcel_send(). */
gboolean rd_parcel_send_text (RdParcel *parcel,
                              RdParcelKind kind,
                              const char *text,
                              GError **error);

/* Sends any number of sockets in as many SOCKETS packets as necessary. Each packet contains the
 * number of sockets sent before it, including those of earlier calls.
 * Returns: number of sockets sent, counted from the start of @fds; if less than @n_fds, with an
 * error of rd_parcel_send(). */
guint rd_parcel_send_sockets (RdParcel *parcel, const int *fds, guint n_fds, GError **error);

/* Waits for the next packet, which must be of @kind.
 * Returns: (transfer full) (nullable): the packet, or NULL with an error: %RD_PARCEL_ERROR_REFUSED
 * or %RD_PARCEL_ERROR_ABORTED with the printable text of a received ERROR or ABORT packet,
 * %RD_PARCEL_ERROR_TIMED_OUT, or an error of rd_parcel_packet_receive(). */
RdParcelPacket *rd_parcel_receive (RdParcel *parcel, RdParcelKind kind, GError **error);

/* Like rd_parcel_receive(), but does not remove the packet from the channel. */
RdParcelPacket *rd_parcel_peek (RdParcel *parcel, RdParcelKind kind, GError **error);

/* Enlarges the descriptor table of this process for @n descriptors. Call it before threads start:
 * with several threads, growth to 10 000 descriptors may take 80 ms. */
void rd_parcel_prepare (RdParcel *parcel, guint n);

/* Waits for @n sockets and appends them to @fds, in the order in which they were sent. @fds: from
 * rd_parcel_fds_new(). Returns: TRUE, or FALSE with an error of rd_parcel_receive(), such as
 * %RD_PARCEL_ERROR_ENDED if a stored channel contains fewer sockets. Sockets received before the
 * error are in @fds. */
gboolean rd_parcel_receive_sockets (RdParcel *parcel, guint n, GArray *fds, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdParcel, rd_parcel_free)

G_END_DECLS
