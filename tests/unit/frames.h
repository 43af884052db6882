/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A client's codec, written from RFC 6455 §5.2 and sharing nothing with the code under test. */

#define FRAME_FIN          0x80
#define FRAME_CONTINUATION 0x0
#define FRAME_TEXT         0x1
#define FRAME_BINARY       0x2
#define FRAME_CLOSE        0x8
#define FRAME_PING         0x9
#define FRAME_PONG         0xA

/* Appends a frame from a client, masked with a random key. @first: its first byte. */
void frame_append (GByteArray *out, guint8 first, const void *payload, gsize size);

/* Appends a close frame; @code 0: an empty one. */
void frame_append_close (GByteArray *out, guint16 code, const char *reason);

typedef struct
{
  guint8 opcode;
  gsize header_size;
  gsize size;
  const guint8 *payload; /* within the bytes it was read from */
} Frame;

/* Reads the frame at the front of what a server sent. Asserts what a server must keep to here:
 * whole messages, no reserved bits, no mask, the shortest form of the length.
 * Returns: FALSE if it is not all there. */
gboolean frame_read (const GByteArray *in, Frame *frame);

/* @size bytes that say by their order which message they are, and none of which is a frame's. */
GBytes *make_payload (guint64 number, gsize size);

G_END_DECLS
