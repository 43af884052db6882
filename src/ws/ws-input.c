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
keep_partial (WsInput *input, guint8 **data, gsize *size)
{
  if (*size == 0)
    return;

  if (input->partial == NULL)
    input->partial = g_malloc (PARTIAL_MAX);
  memcpy (input->partial + input->partial_size, *data, *size);
  input->partial_size += *size;
  advance (data, size, *size);
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
      keep_partial (input, data, size);
      return WS_INPUT_MORE;
    case WS_PARSE_OK:
      break;
    }

  *payload = start + needed;
  if (ws_opcode_is_control (input->frame.opcode))
    needed += input->frame.length;
  if (available < needed)
    {
      keep_partial (input, data, size);
      return WS_INPUT_MORE;
    }

  advance (data, size, needed - before);
  input->partial_size = 0;
  return WS_INPUT_EVENT;
}

/* Returns: whether the data frame whose header was read may come now; else @code says why not. */
static gboolean
begin_frame (WsInput *input, gsize max_message, guint16 *code)
{
  gsize so_far = input->message != NULL ? input->message->len : 0;
  gboolean continues = input->frame.opcode == WS_OPCODE_CONTINUATION;

  if (continues != (input->opcode != 0))
    {
      *code = WS_CLOSE_PROTOCOL_ERROR;
      return FALSE;
    }
  if (input->frame.length > max_message - so_far)
    {
      *code = WS_CLOSE_TOO_BIG;
      return FALSE;
    }

  if (!continues)
    {
      input->opcode = input->frame.opcode;
      input->utf8 = (WsUtf8){ 0 };
    }
  input->in_frame = TRUE;
  input->done = 0;
  return TRUE;
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
          if (!begin_frame (input, max_message, code))
            return WS_INPUT_BAD;
        }

      result = read_payload (input, data, size, event, code);
      if (result != WS_INPUT_MORE)
        return result;
    }
  while (*size > 0);

  return WS_INPUT_MORE;
}

void
ws_input_clear (WsInput *input)
{
  g_clear_pointer (&input->partial, g_free);
  g_clear_pointer (&input->message, g_byte_array_unref);
}
