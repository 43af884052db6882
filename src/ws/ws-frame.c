/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Encodes and parses single WebSocket frames for a server (RFC 6455). Server frames are not masked
 * and not fragmented. */

#include "ws-frame.h"

#include "ws-utf8.h"

#include <string.h>

#define FIN_BIT     0x80
#define RSV_BITS    0x70
#define OPCODE_BITS 0x0F
#define MASK_BIT    0x80
#define LENGTH_BITS 0x7F
#define LENGTH_16   126
#define LENGTH_64   127

static guint64
read_big_endian (const guint8 *data, gsize size)
{
  guint64 value = 0;

  for (gsize i = 0; i < size; i++)
    value = value << 8 | data[i];

  return value;
}

static void
write_big_endian (guint8 *out, gsize size, guint64 value)
{
  for (gsize i = size; i-- > 0; value >>= 8)
    out[i] = value & 0xFF;
}

static gboolean
opcode_is_known (guint8 opcode)
{
  return opcode <= WS_OPCODE_BINARY || (opcode >= WS_OPCODE_CLOSE && opcode <= WS_OPCODE_PONG);
}

WsParse
ws_frame_parse (const guint8 *data, gsize size, WsFrameHeader *header, gsize *header_size)
{
  gsize length_size;

  if (size >= 1 && ((data[0] & RSV_BITS) != 0 || !opcode_is_known (data[0] & OPCODE_BITS)))
    return WS_PARSE_BAD;
  if (size < 2)
    return WS_PARSE_MORE;
  if ((data[1] & MASK_BIT) == 0)
    return WS_PARSE_BAD;

  header->fin = (data[0] & FIN_BIT) != 0;
  header->opcode = data[0] & OPCODE_BITS;
  header->length = data[1] & LENGTH_BITS;
  if (ws_opcode_is_control (header->opcode)
      && (!header->fin || header->length > WS_CONTROL_PAYLOAD_MAX))
    return WS_PARSE_BAD;

  length_size = header->length == LENGTH_16 ? 2 : header->length == LENGTH_64 ? 8 : 0;
  if (size < 2 + length_size)
    return WS_PARSE_MORE;
  if (length_size > 0)
    {
      header->length = read_big_endian (data + 2, length_size);
      if (header->length > G_MAXINT64
          || header->length <= (length_size == 2 ? WS_CONTROL_PAYLOAD_MAX : G_MAXUINT16))
        return WS_PARSE_BAD;
    }

  *header_size = 2 + length_size + sizeof header->mask;
  if (size < *header_size)
    return WS_PARSE_MORE;
  memcpy (header->mask, data + 2 + length_size, sizeof header->mask);
  return WS_PARSE_OK;
}

void
ws_frame_mask (guint8 *data, gsize size, const guint8 mask[4], guint64 offset)
{
  guint8 rotated[8];
  guint64 word_mask, word;
  gsize i = 0;

  for (gsize k = 0; k < sizeof rotated; k++)
    rotated[k] = mask[(offset + k) % 4];
  memcpy (&word_mask, rotated, sizeof word_mask);

  for (; size - i >= sizeof word; i += sizeof word)
    {
      memcpy (&word, data + i, sizeof word);
      word ^= word_mask;
      memcpy (data + i, &word, sizeof word);
    }
  for (; i < size; i++)
    data[i] ^= rotated[i % 4];
}

static gsize
length_size_of (guint64 length)
{
  return length <= WS_CONTROL_PAYLOAD_MAX ? 0 : length <= G_MAXUINT16 ? 2 : 8;
}

gsize
ws_frame_encode_header (guint8 out[WS_SERVER_HEADER_MAX], WsOpcode opcode, guint64 length)
{
  gsize length_size = length_size_of (length);

  out[0] = FIN_BIT | opcode;
  out[1] = length_size == 0 ? length : length_size == 2 ? LENGTH_16 : LENGTH_64;
  write_big_endian (out + 2, length_size, length);
  return 2 + length_size;
}

gsize
ws_frame_size (guint64 length)
{
  return 2 + length_size_of (length) + length;
}

gsize
ws_frame_encode_control (guint8 out[WS_CONTROL_FRAME_MAX],
                         WsOpcode opcode,
                         const guint8 *payload,
                         gsize size)
{
  gsize header_size;

  g_assert (ws_opcode_is_control (opcode) && size <= WS_CONTROL_PAYLOAD_MAX);

  header_size = ws_frame_encode_header (out, opcode, size);
  if (size > 0)
    memcpy (out + header_size, payload, size);
  return header_size + size;
}

gsize
ws_frame_encode_close (guint8 out[WS_CONTROL_FRAME_MAX], guint16 code, const char *reason)
{
  guint8 payload[WS_CONTROL_PAYLOAD_MAX];
  gsize length;

  if (code == WS_CLOSE_NO_STATUS)
    return ws_frame_encode_control (out, WS_OPCODE_CLOSE, NULL, 0);

  length = reason != NULL ? strlen (reason) : 0;
  if (length > WS_CLOSE_REASON_MAX)
    {
      length = WS_CLOSE_REASON_MAX;
      while (length > 0 && (reason[length] & 0xC0) == 0x80)
        length--;
    }

  write_big_endian (payload, 2, code);
  if (length > 0)
    memcpy (payload + 2, reason, length);
  return ws_frame_encode_control (out, WS_OPCODE_CLOSE, payload, 2 + length);
}

gboolean
ws_frame_parse_close (const guint8 *payload, gsize size, guint16 *code)
{
  if (size == 0)
    {
      *code = WS_CLOSE_NO_STATUS;
      return TRUE;
    }

  *code = size >= 2 ? read_big_endian (payload, 2) : 0;
  if (!ws_close_code_is_valid (*code))
    {
      *code = WS_CLOSE_PROTOCOL_ERROR;
      return FALSE;
    }
  if (!ws_utf8_is_text (payload + 2, size - 2))
    {
      *code = WS_CLOSE_INVALID_DATA;
      return FALSE;
    }

  return TRUE;
}

gboolean
ws_close_code_is_valid (guint16 code)
{
  /* 1004 to 1006 and 1015 are reserved; 1012 to 1014 are defined only in the IANA registry */
  if (code >= 1000 && code <= 1014)
    return code < 1004 || code > 1006;

  return code >= 3000 && code <= 4999;
}
