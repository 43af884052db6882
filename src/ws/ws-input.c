/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Makes messages and control frames of the bytes a client sends, however they were cut. What came
 * whole is handed out where it lies; only the rest of a message is copied, and memory for it grows
 * with what arrived, not with what a header promised. No I/O; answers nothing. */

#include "ws-input.h"

#include <string.h>

/* The longest control frame from a client, and more than any header. */
#define PARTIAL_MAX (2 + 4 + WS_CONTROL_PAYLOAD_MAX)

static void
advance (guint8 **data, gsize *size, gsize count)
{
  *data += count;
  *size -= count;
}

void
ws_input_release_event (WsInput *input)
{
  if (input->partial_size == 0)
    g_clear_pointer (&input->partial, g_free);
  if (input->opcode == 0)
    g_clear_pointer (&input->message, g_byte_array_unref);
}

static void
keep_partial (WsInput *input, const guint8 *data, gsize size)
{
  if (size == 0)
    return;

  if (input->partial == NULL)
    input->partial = g_malloc (PARTIAL_MAX);
  memcpy (input->partial + input->partial_size, data, size);
  input->partial_size += size;
}

/* Reads a header, and with a control frame its payload. Returns: %WS_INPUT_EVENT with the header in
 * input->frame and @payload behind it; nothing is consumed unless all of that is there. */
static WsInputResult
read_frame (WsInput *input, guint8 **data, gsize *size, guint8 **payload)
{
  guint before = input->partial_size;
  gsize taken = MIN (*size, PARTIAL_MAX - before);
  guint8 *start = *data;
  gsize available = *size;
  gsize needed;

  if (before > 0)
    {
      memcpy (input->partial + before, *data, taken);
      start = input->partial;
      available = before + taken;
    }

  switch (ws_frame_parse (start, available, &input->frame, &needed))
    {
    case WS_PARSE_BAD:
      return WS_INPUT_BAD;
    case WS_PARSE_MORE:
      keep_partial (input, *data, *size);
      advance (data, size, *size);
      return WS_INPUT_MORE;
    case WS_PARSE_OK:
      break;
    }

  *payload = start + needed;
  if (ws_opcode_is_control (input->frame.opcode))
    needed += input->frame.length;
  if (available < needed)
    {
      keep_partial (input, *data, *size);
      advance (data, size, *size);
      return WS_INPUT_MORE;
    }

  advance (data, size, needed - before);
  input->partial_size = 0;
  return WS_INPUT_EVENT;
}

/* Returns: whether the data frame whose header was read may come now. */
static gboolean
begin_frame (WsInput *input)
{
  gboolean continues = input->frame.opcode == WS_OPCODE_CONTINUATION;

  if (continues != (input->opcode != 0))
    return FALSE;

  if (!continues)
    {
      input->opcode = input->frame.opcode;
      input->utf8 = (WsUtf8){ 0 };
    }
  input->in_frame = TRUE;
  input->done = 0;
  return TRUE;
}

/* How long the message under way will be at the least. */
static guint64
promised_size (const WsInput *input)
{
  const gsize so_far = input->message != NULL ? input->message->len : 0;

  return so_far + (input->frame.length - input->done);
}

/* Takes what is there of a data frame's payload. Returns: %WS_INPUT_EVENT if that ends a message.
 */
static WsInputResult
read_payload (WsInput *input, guint8 **data, gsize *size, WsInputEvent *event, guint16 *code)
{
  guint8 *chunk = *data;
  gsize chunk_size = MIN (*size, input->frame.length - input->done);
  gboolean ends;

  ws_frame_mask (chunk, chunk_size, input->frame.mask, input->done);
  input->done += chunk_size;
  advance (data, size, chunk_size);
  input->in_frame = input->done < input->frame.length;
  ends = !input->in_frame && input->frame.fin;

  if (input->opcode == WS_OPCODE_TEXT
      && (!ws_utf8_feed (&input->utf8, chunk, chunk_size)
          || (ends && !ws_utf8_is_complete (&input->utf8))))
    {
      *code = WS_CLOSE_INVALID_DATA;
      return WS_INPUT_BAD;
    }

  *event = (WsInputEvent){ .opcode = input->opcode, .data = chunk, .size = chunk_size };
  if (!ends || input->message != NULL)
    {
      if (input->message == NULL)
        input->message = g_byte_array_new ();
      g_byte_array_append (input->message, chunk, chunk_size);
      event->data = input->message->data;
      event->size = input->message->len;
    }
  if (!ends)
    return WS_INPUT_MORE;

  input->opcode = 0;
  return WS_INPUT_EVENT;
}

WsInputResult
ws_input_next (WsInput *input,
               guint8 **data,
               gsize *size,
               gsize max_message,
               WsInputEvent *event,
               guint16 *code)
{
  WsInputResult result;
  guint8 *payload;

  ws_input_release_event (input);

  do
    {
      if (!input->in_frame)
        {
          result = read_frame (input, data, size, &payload);
          *code = WS_CLOSE_PROTOCOL_ERROR;
          if (result != WS_INPUT_EVENT)
            return result;

          if (ws_opcode_is_control (input->frame.opcode))
            {
              ws_frame_mask (payload, input->frame.length, input->frame.mask, 0);
              *event = (WsInputEvent){ .opcode = input->frame.opcode,
                                       .data = payload,
                                       .size = input->frame.length };
              return WS_INPUT_EVENT;
            }
          if (!begin_frame (input))
            return WS_INPUT_BAD;
        }
      if (promised_size (input) > max_message)
        {
          *code = WS_CLOSE_TOO_BIG;
          return WS_INPUT_BAD;
        }

      result = read_payload (input, data, size, event, code);
      if (result != WS_INPUT_MORE)
        return result;
    }
  while (*size > 0);

  return WS_INPUT_MORE;
}

gboolean
ws_input_is_idle (const WsInput *input)
{
  return input->opcode == 0 && input->partial_size == 0;
}

static GVariant *
pack_bytes (const guint8 *data, gsize size)
{
  return g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, data, size, 1);
}

GVariant *
ws_input_pack (const WsInput *input)
{
  const GByteArray none = { 0 };
  const GByteArray *message = input->message != NULL ? input->message : &none;
  const WsFrameHeader *frame = &input->frame;

  return g_variant_new ("(y(yyy)bt(byt@ay)@ay@ay)", input->opcode, input->utf8.missing,
                        input->utf8.low, input->utf8.high, input->in_frame, input->done, frame->fin,
                        frame->opcode, frame->length, pack_bytes (frame->mask, sizeof frame->mask),
                        pack_bytes (input->partial, input->partial_size),
                        pack_bytes (message->data, message->len));
}

/* Whether what is kept of a header or control frame is less than the whole. */
static gboolean
is_partial (const guint8 *data, gsize size)
{
  WsFrameHeader header;
  gsize header_size;

  switch (ws_frame_parse (data, size, &header, &header_size))
    {
    case WS_PARSE_BAD:
      return FALSE;
    case WS_PARSE_MORE:
      return TRUE;
    case WS_PARSE_OK:
      break;
    }

  return ws_opcode_is_control (header.opcode) && size < header_size + header.length;
}

/* Whether it could have come to stand so by itself. */
static gboolean
is_sound (const WsInput *input)
{
  const gsize so_far = input->message != NULL ? input->message->len : 0;

  if (input->opcode == 0 && (so_far > 0 || input->in_frame))
    return FALSE;
  if (input->opcode > WS_OPCODE_BINARY || input->utf8.missing > 3)
    return FALSE;
  if (!input->in_frame)
    return is_partial (input->partial, input->partial_size);

  return input->partial_size == 0 && input->done <= so_far && input->done < input->frame.length
         && input->frame.length <= G_MAXINT64;
}

gboolean
ws_input_unpack (WsInput *input, GVariant *packed)
{
  g_autoptr (GVariant) mask = NULL;
  g_autoptr (GVariant) partial = NULL;
  g_autoptr (GVariant) message = NULL;
  const guint8 *bytes;
  guint8 opcode;
  gsize size;

  g_variant_get (packed, "(y(yyy)bt(byt@ay)@ay@ay)", &input->opcode, &input->utf8.missing,
                 &input->utf8.low, &input->utf8.high, &input->in_frame, &input->done,
                 &input->frame.fin, &opcode, &input->frame.length, &mask, &partial, &message);
  input->frame.opcode = opcode;

  bytes = g_variant_get_fixed_array (mask, &size, 1);
  if (size != sizeof input->frame.mask)
    return FALSE;
  memcpy (input->frame.mask, bytes, size);

  bytes = g_variant_get_fixed_array (partial, &size, 1);
  if (size > PARTIAL_MAX)
    return FALSE;
  keep_partial (input, bytes, size);

  bytes = g_variant_get_fixed_array (message, &size, 1);
  if (size > 0)
    input->message = g_byte_array_append (g_byte_array_new (), bytes, size);

  return is_sound (input);
}

void
ws_input_clear (WsInput *input)
{
  g_clear_pointer (&input->partial, g_free);
  g_clear_pointer (&input->message, g_byte_array_unref);
}
