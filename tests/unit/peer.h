/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "frames.h"

G_BEGIN_DECLS

/* The client's end of a connection: what a test sends and sees. */
typedef struct
{
  int fd;             /* owned; -1: it hung up */
  GByteArray *in;     /* owned: what came and was not looked at yet */
  gboolean is_deaf;   /* does not read */
  gboolean has_ended; /* the server has hung up */
} Peer;

/* Connects a peer to a socket of the server's, which is non-blocking.
 * @server_fd: (out) (transfer full). */
Peer *peer_new (int *server_fd);
void peer_free (Peer *peer);

/* Lets the server's socket hold so little that a message of 16 KiB gets stuck in it half-way. */
void peer_narrow (int server_fd);

void peer_hang_up (Peer *peer);

/* Reads at most @max bytes of what is there, deaf or not. Returns: whether there was anything. */
gboolean peer_read (Peer *peer, gsize max);

/* Asserts that all goes out at once. */
void peer_send_bytes (Peer *peer, const void *data, gsize size);
void peer_send (Peer *peer, guint8 opcode, const void *payload, gsize size);
void peer_send_text (Peer *peer, const char *text);
void peer_send_close (Peer *peer, guint16 code);

/* Each asserts what was read next, and takes it. */
void peer_expect (Peer *peer, guint8 opcode, const void *payload, gsize size);
void peer_expect_text (Peer *peer, const char *text);
void peer_expect_message (Peer *peer, guint64 number, gsize size); /* of make_payload() */
void peer_expect_close (Peer *peer, guint16 code, const char *reason);

/* Asserts that nothing is left; that the server has, or has not, hung up behind it. */
void peer_expect_end (Peer *peer);
void peer_expect_silence (Peer *peer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Peer, peer_free)

G_END_DECLS
