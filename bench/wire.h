/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* The Sec-WebSocket-Key of all handshakes, and its Sec-WebSocket-Accept (RFC 6455 section 1.3). */
#define WIRE_KEY        "dGhlIHNhbXBsZSBub25jZQ=="
#define WIRE_ACCEPT_KEY "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

typedef enum
{
  WIRE_CONTINUATION = 0,
  WIRE_TEXT = 1,
  WIRE_BINARY = 2,
  WIRE_CLOSE = 8,
  WIRE_PING = 9,
  WIRE_PONG = 10,
} WireOpcode;

enum
{
  WIRE_MAX_HEADER = 14,
  WIRE_MAX_CONTROL = 125,
};

typedef struct
{
  guint8 opcode; /* a WireOpcode or a reserved opcode */
  gboolean final;
  gboolean reserved_bits;
  gboolean masked;
  guint8 header; /* bytes in front of the payload, including the key */
  guint64 length;
} WireFrame;

/* Parses the header of the frame at @data (RFC 6455 section 5.2). Returns FALSE if @size bytes are
 * too few for it. */
gboolean wire_parse_header (const guint8 *data, gsize size, WireFrame *frame);

/* Writes the header, up to WIRE_MAX_HEADER bytes, of a final frame. Returns its size.
 * @key: (nullable): the masking key, four bytes; NULL: an unmasked frame of a server. */
gsize wire_write_header (guint8 *out, WireOpcode opcode, guint64 length, const guint8 *key);

/* Masks or unmasks @payload in place (RFC 6455 section 5.3). */
void wire_mask (guint8 *payload, gsize length, const guint8 *key);

/* Returns: (transfer full) (nullable): the value of header field @name in @head. */
char *wire_find_field (const char *head, const char *name);
