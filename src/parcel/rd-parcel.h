/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "rd-parcel-packet.h"

G_BEGIN_DECLS

/* One end of what the processes of a hand-over speak through: a pair of SOCK_SEQPACKET sockets
 * (unix(7)). What is sent lies in the kernel, descriptors too, until the other end reads it: now,
 * or when the sender has long gone; whoever has the other end has all that was sent. Errors are in
 * RD_PARCEL_ERROR, or of the system. */
typedef struct _RdParcel RdParcel;

/* Makes a pair, with the largest buffers there may be. @layout: the version of what is packed.
 * @other_fd: (out) (transfer full): the other end, close-on-exec; while it is open here, too, the
 * end of the other process goes unnoticed.
 * Returns: (transfer full): this end, NULL with an error. */
RdParcel *rd_parcel_new (guint32 layout, int *other_fd, GError **error);

/* @fd: (transfer full): the end of a pair that somebody else made; closed where it is none.
 * @layout: the version that is understood.
 * Returns: (transfer full): NULL with an error. */
RdParcel *rd_parcel_new_for_fd (int fd, guint32 layout, GError **error);
void rd_parcel_free (RdParcel *parcel);

/* Returns: the socket, to watch for input: that there is any means that a packet can be received,
 * or that there will be no more. */
int rd_parcel_get_fd (const RdParcel *parcel);

/* Until when what follows may wait, all in all (g_get_monotonic_time()). 0, at first: never. */
void rd_parcel_set_deadline (RdParcel *parcel, gint64 deadline_us);

/* Whether that time has passed. */
gboolean rd_parcel_is_late (const RdParcel *parcel);

/* Sends one packet; waits for room. @body: a floating one is taken. @fds: stay the caller's, as the
 * other process gets duplicates.
 * Returns: FALSE with an error: RD_PARCEL_ERROR_FULL if there is no room and it may not wait, else
 * RD_PARCEL_ERROR_TIMED_OUT; RD_PARCEL_ERROR_REFUSED or RD_PARCEL_ERROR_ABORTED if the other
 * process has said so meanwhile, RD_PARCEL_ERROR_ENDED if it went without a word. */
gboolean rd_parcel_send (RdParcel *parcel,
                         RdParcelKind kind,
                         GVariant *body,
                         const int *fds,
                         guint n_fds,
                         GError **error);

/* Sends ERROR or ABORT. @text: why, a sentence; cut if it is endless. */
gboolean rd_parcel_send_text (RdParcel *parcel,
                              RdParcelKind kind,
                              const char *text,
                              GError **error);

/* Sends any number of sockets, in as many SOCKETS as it takes; several calls go on counting.
 * Returns: how many of @fds, from the first on, are on their way; where these are not all, there is
 * an error as of rd_parcel_send(). RD_PARCEL_ERROR_FULL: those did fit in, and more do not. */
guint rd_parcel_send_sockets (RdParcel *parcel, const int *fds, guint n_fds, GError **error);

/* Waits for the next packet, which has to be of @kind.
 * Returns: (transfer full): NULL with an error: RD_PARCEL_ERROR_TIMED_OUT;
 * RD_PARCEL_ERROR_REFUSED with the text of ERROR, RD_PARCEL_ERROR_ABORTED with that of ABORT, fit
 * to be shown; RD_PARCEL_ERROR_ENDED, _MALFORMED, _LAYOUT, _DESCRIPTORS. */
RdParcelPacket *rd_parcel_receive (RdParcel *parcel, RdParcelKind kind, GError **error);

/* As that, and leaves the packet where it is, for who receives next. */
RdParcelPacket *rd_parcel_peek (RdParcel *parcel, RdParcelKind kind, GError **error);

/* Makes ready for @n descriptors to come. A process of several threads may take some 80 ms to grow
 * its table of descriptors to 10 000; done before there are threads it takes none. */
void rd_parcel_prepare (RdParcel *parcel, guint n);

/* Waits for @n sockets, and appends them to @fds (rd_parcel_fds_new()) in the order they were sent.
 * Returns: FALSE with an error as of rd_parcel_receive(); @fds has those that came before it. At
 * the end of what lies in a stored parcel this is RD_PARCEL_ERROR_ENDED. */
gboolean rd_parcel_receive_sockets (RdParcel *parcel, guint n, GArray *fds, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RdParcel, rd_parcel_free)

G_END_DECLS
