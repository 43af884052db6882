/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A frame codec for clients, written after RFC 6455 §5.2, without code of the server. */

#define FRAME_FIN          0x80
#define FRAME_CONTINUATION 0x0
#define FRAME_TEXT         0x1
#define FRAME_BINARY       0x2
#define FRAME_CLOSE        0x8
#define FRAME_PING         0x9
#define FRAME_PONG         0xA

/* Appends a client frame with a random mask. @first: first byte of the frame. */
void frame_append (GByteArray *out, guint8 first, const void *payload, gsize size);

/* Appends a close frame. @code: 0 for an empty frame. */
void frame_append_close (GByteArray *out, guint16 code, const char *reason);

typedef struct
{
  guint8 opcode;
  gsize header_size;
  gsize size;
  const guint8 *payload; /* in the parsed bytes */
} Frame;

/* Parses the server frame at the front. Asserts that the message is not fragmented, no reserved bit
 * is set, there is no mask, and the length has its shortest form. Returns: FALSE if it is
 * incomplete. */
gboolean frame_read (const GByteArray *in, Frame *frame);

/* Returns: @size bytes that differ for each @number, and contain no frame. */
GBytes *make_payload (guint64 number, gsize size);

G_END_DECLS
