/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

#pragma once

#include "ws-frame.h"
#include "ws-utf8.h"

G_BEGIN_DECLS

/* What a client sent that is not understood yet. All zero is the beginning; between messages it
 * owns no memory. */
typedef struct
{
  GByteArray *message; /* owned, nullable: the message so far */
  guint8 *partial;     /* owned, nullable: a header or control frame so far */
  guint partial_size;
  WsUtf8 utf8;       /* of the message so far */
  guint8 opcode;     /* of the message under way; 0: none */
  gboolean in_frame; /* the header below is read, its payload is not */
  guint64 done;      /* bytes of that payload */
  WsFrameHeader frame;
} WsInput;

typedef struct
{
  WsOpcode opcode;    /* text or binary: a whole message; else a control frame */
  const guint8 *data; /* unmasked; valid until the next call */
  gsize size;
} WsInputEvent;

typedef enum
{
  WS_INPUT_MORE,  /* all is consumed; nothing came whole */
  WS_INPUT_EVENT, /* there may be more behind it */
  WS_INPUT_BAD,   /* the connection has failed (§7.1.7): the input is of no more use */
} WsInputResult;

/* Takes bytes off the front of @data, which is unmasked in place, up to the next event: joins
 * fragments, lets control frames through between them, and checks UTF-8 as it arrives (RFC 6455
 * §5.4, §5.5, §8.1).
 * @max_message: bytes; a longer message is bad as soon as a header says so. It may change.
 * @code: what to close with where the result is %WS_INPUT_BAD: 1002, 1007 or 1009. */
WsInputResult ws_input_next (WsInput *input,
                             guint8 **data,
                             gsize *size,
                             gsize max_message,
                             WsInputEvent *event,
                             guint16 *code);

/* Frees what the last event lay in, for those who do not call on right away. */
void ws_input_release_event (WsInput *input);

/* Whether it stands between two messages, with nothing read: as at the beginning. */
gboolean ws_input_is_idle (const WsInput *input);

/* A #GVariant type: what ws_input_pack() makes. */
#define WS_INPUT_PACKED_TYPE "(y(yyy)bt(bytay)ayay)"

/* Writes down where @input, whose last event is released, stands, for another process.
 * Returns: (transfer floating). */
GVariant *ws_input_pack (const WsInput *input);

/* Has @input, which is all zero, stand there. Returns: FALSE if no input can stand so. */
gboolean ws_input_unpack (WsInput *input, GVariant *packed);

/* Frees what @input owns. */
void ws_input_clear (WsInput *input);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (WsInput, ws_input_clear)

G_END_DECLS
