/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "frames.h"

G_BEGIN_DECLS

/* The client's end of a connection. */
typedef struct
{
  int fd;              /* owned; -1 if closed */
  GByteArray *in;      /* owned: received data, not checked yet */
  gboolean is_stalled; /* does not read */
  gboolean has_ended;  /* the server has closed the connection */
} Peer;

/* Makes a peer with a non-blocking socket for the server. @server_fd: (out) (transfer full). */
Peer *peer_new (int *server_fd);
void peer_free (Peer *peer);

/* Limits the buffer of the server's socket, so that a message of 16 KiB is sent partially. */
void peer_narrow (int server_fd);

void peer_hang_up (Peer *peer);

/* Reads at most @max bytes, even if stalled. Returns: whether anything was read. */
gboolean peer_read (Peer *peer, gsize max);

/* Sends; asserts that everything is sent at once. */
void peer_send_bytes (Peer *peer, const void *data, gsize size);
void peer_send (Peer *peer, guint8 opcode, const void *payload, gsize size);
void peer_send_text (Peer *peer, const char *text);
void peer_send_close (Peer *peer, guint16 code);

/* Asserts that the next received frame is this one, and removes it. */
void peer_expect (Peer *peer, guint8 opcode, const void *payload, gsize size);
void peer_expect_text (Peer *peer, const char *text);
void peer_expect_message (Peer *peer, guint64 number, gsize size); /* content of make_payload() */
void peer_expect_close (Peer *peer, guint16 code, const char *reason);

/* Asserts that no data is left, and that the server has, or has not, closed the connection. */
void peer_expect_end (Peer *peer);
void peer_expect_silence (Peer *peer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Peer, peer_free)

G_END_DECLS
