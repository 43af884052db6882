/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-frame.h"
#include "ws-utf8.h"

/* Maximum size of WsInput.partial in bytes: the longest control frame. All headers are shorter. */
#define WS_INPUT_PARTIAL_MAX (2 + 4 + WS_CONTROL_PAYLOAD_MAX)

/* State of the input of one client. Initialize with zeros. Owns no memory between messages. */
typedef struct
{
  GByteArray *message; /* owned, nullable: partial message */
  guint8 *partial;     /* owned, nullable: partial header or control frame */
  guint partial_size;
  WsUtf8 utf8;         /* UTF-8 state of the partial message */
  guint8 opcode;       /* opcode of the partial message; 0 if none */
  gboolean in_frame;   /* the header of a data frame was read, but not all of its payload */
  guint64 done;        /* payload bytes already read from this data frame */
  WsFrameHeader frame; /* header of the current frame */
} WsInput;

typedef struct
{
  WsOpcode opcode;    /* text or binary for a complete message; otherwise a control opcode */
  const guint8 *data; /* unmasked; valid until the next call of ws_input_next() */
  gsize size;
  guint16 code; /* only for %WS_PARSE_BAD: the close code 1002, 1007 or 1009 */
} WsInputEvent;

/* Reads @data up to the end of the next message or control frame, unmasks it in place, and advances
 * @data and @size. Joins fragments, returns control frames between fragments, and validates UTF-8
 * incrementally (RFC 6455 §5.4, §5.5, §8.1). @max_message: maximum message size in bytes; may
 * differ between calls. Returns: %WS_PARSE_OK if @event is complete (@data may have more),
 * %WS_PARSE_MORE if all bytes were read, or %WS_PARSE_BAD if the connection must be failed; do not
 * use @input after that. */
WsParse ws_input_next (WsInput *input,
                       guint8 **data,
                       gsize *size,
                       gsize max_message,
                       WsInputEvent *event);

/* Frees the memory of the last event. The next call of ws_input_next() also frees it. */
void ws_input_release_event (WsInput *input);

/* Returns: TRUE if no part of a message, header or control frame is stored. */
gboolean ws_input_is_idle (const WsInput *input);

/* Frees the memory that @input owns. */
void ws_input_clear (WsInput *input);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (WsInput, ws_input_clear)
