/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-frame.h"
#include "ws-utf8.h"

/* Bytes kept of a partial frame: the longest control frame, which is longer than any header. */
#define WS_INPUT_PARTIAL_MAX (2 + 4 + WS_CONTROL_PAYLOAD_MAX)

/* State of the input of one client. Initialize with zeros. Owns no memory between messages. */
typedef struct
{
  GByteArray *message; /* owned, nullable: partial message */
  guint8 *partial;     /* owned, nullable: partial header or control frame */
  guint partial_size;
  WsUtf8 utf8;       /* of the partial message */
  guint8 opcode;     /* of the partial message; 0: none */
  gboolean in_frame; /* between a data frame's header and the end of its payload */
  guint64 done;      /* bytes read of that payload */
  WsFrameHeader frame;
} WsInput;

typedef struct
{
  WsOpcode opcode;    /* text or binary for a whole message; else a control frame */
  const guint8 *data; /* unmasked; valid until the next call */
  gsize size;
  guint16 code; /* only for %WS_PARSE_BAD: the close code 1002, 1007 or 1009 */
} WsInputEvent;

/* Consumes bytes at the front of @data, unmasked in place, up to the next event. Joins fragments,
 * passes control frames between them, and checks UTF-8 as it arrives (RFC 6455 §5.4, §5.5, §8.1).
 * @max_message: limit in bytes, checked against the announced length; may change between calls.
 * Returns: %WS_PARSE_OK for a complete event; bytes may be left. %WS_PARSE_MORE: all bytes are
 * consumed. %WS_PARSE_BAD: the connection failed (§7.1.7); use the input no more. */
WsParse ws_input_next (WsInput *input,
                       guint8 **data,
                       gsize *size,
                       gsize max_message,
                       WsInputEvent *event);

/* Frees the memory of the last event before the next call of ws_input_next(). */
void ws_input_release_event (WsInput *input);

/* Whether the input is between messages and has no partial header. */
gboolean ws_input_is_idle (const WsInput *input);

/* Frees the memory that @input owns. */
void ws_input_clear (WsInput *input);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (WsInput, ws_input_clear)
