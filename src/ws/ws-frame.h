/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include <glib.h>

/* Frame types (RFC 6455 §5.2). */
typedef enum
{
  WS_OPCODE_CONTINUATION = 0x0,
  WS_OPCODE_TEXT = 0x1,
  WS_OPCODE_BINARY = 0x2,
  WS_OPCODE_CLOSE = 0x8,
  WS_OPCODE_PING = 0x9,
  WS_OPCODE_PONG = 0xA,
} WsOpcode;

/* Close codes (RFC 6455 §7.4.1); 1012 and 1013 are defined in the IANA registry. */
typedef enum
{
  WS_CLOSE_NORMAL = 1000,
  WS_CLOSE_GOING_AWAY = 1001,
  WS_CLOSE_PROTOCOL_ERROR = 1002,
  WS_CLOSE_NO_STATUS = 1005, /* never sent; stands for an empty close frame */
  WS_CLOSE_ABNORMAL = 1006,  /* never sent; stands for a missing close frame */
  WS_CLOSE_INVALID_DATA = 1007,
  WS_CLOSE_POLICY_VIOLATION = 1008,
  WS_CLOSE_TOO_BIG = 1009,
  WS_CLOSE_INTERNAL_ERROR = 1011,
  WS_CLOSE_SERVICE_RESTART = 1012,
  WS_CLOSE_TRY_AGAIN_LATER = 1013,
} WsCloseCode;

#define WS_CONTROL_PAYLOAD_MAX 125         /* payload of a control frame, bytes (RFC 6455 §5.5) */
#define WS_CLOSE_REASON_MAX    123         /* bytes; the other 2 payload bytes are the close code */
#define WS_CLIENT_HEADER_MAX   (2 + 8 + 4) /* size with a mask, bytes */
#define WS_SERVER_HEADER_MAX   (2 + 8)     /* size without a mask, bytes */
#define WS_CONTROL_FRAME_MAX   (2 + WS_CONTROL_PAYLOAD_MAX) /* size without a mask, bytes */

typedef struct
{
  guint64 length; /* size of the payload, bytes */
  WsOpcode opcode;
  gboolean fin;
  guint8 mask[4];
} WsFrameHeader;

typedef enum
{
  WS_PARSE_OK,
  WS_PARSE_MORE, /* more bytes are needed */
  WS_PARSE_BAD,  /* invalid data: fail the connection */
} WsParse;

/* Parses the header of a client frame (RFC 6455 §5.2). @header_size: (out): in bytes. Returns:
 * %WS_PARSE_BAD if a reserved bit or opcode is used, the mask is missing, the length is not in its
 * shortest form or exceeds 2^63 - 1, or a control frame is fragmented or its length exceeds 125. */
WsParse ws_frame_parse (const guint8 *data, gsize size, WsFrameHeader *header, gsize *header_size);

/* Masks or unmasks @data in place (RFC 6455 §5.3). @offset: position of @data in the payload. */
void ws_frame_mask (guint8 *data, gsize size, const guint8 mask[4], guint64 offset);

/* Writes the header of a server frame with @length bytes of payload. Returns: the header size. */
gsize ws_frame_encode_header (guint8 out[WS_SERVER_HEADER_MAX], WsOpcode opcode, guint64 length);

/* Returns: the size of a server frame with @length bytes of payload. */
gsize ws_frame_size (guint64 length);

/* Writes a control frame; @size is at most %WS_CONTROL_PAYLOAD_MAX. Returns: the frame size. */
gsize ws_frame_encode_control (guint8 out[WS_CONTROL_FRAME_MAX],
                               WsOpcode opcode,
                               const guint8 *payload,
                               gsize size);

/* Writes a close frame. Truncates @reason at a character boundary to %WS_CLOSE_REASON_MAX bytes.
 * @code: %WS_CLOSE_NO_STATUS for an empty close frame. Returns: the frame size. */
gsize ws_frame_encode_close (guint8 out[WS_CONTROL_FRAME_MAX], guint16 code, const char *reason);

/* Parses the payload of a close frame (RFC 6455 §5.5.1, §7.4). @code: (out): the received code, or,
 * if the payload is invalid, the code to close with. Returns: whether the payload is valid. */
gboolean ws_frame_parse_close (const guint8 *payload, gsize size, guint16 *code);

/* Returns: whether @code is valid in a close frame (RFC 6455 §7.4.2). */
gboolean ws_close_code_is_valid (guint16 code);

static inline gboolean
ws_opcode_is_control (WsOpcode opcode)
{
  return (opcode & 0x8) != 0;
}
