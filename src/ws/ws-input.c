/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Assembles messages and control frames from received bytes. A message that arrives whole is not
 * copied. The memory of a partial message grows with the received bytes, not the announced size. */

#include "ws-input.h"

#include <string.h>

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
    input->partial = g_malloc (WS_INPUT_PARTIAL_MAX);
  memcpy (input->partial + input->partial_size, data, size);
  input->partial_size += size;
}

/* Reads a frame header and, for a control frame, the payload. Sets input->frame, and sets @payload
 * to the byte after the header. Returns: %WS_PARSE_OK if the frame was read, %WS_PARSE_MORE if all
 * of @data was stored and more bytes are needed, or %WS_PARSE_BAD if the header is invalid. */
static WsParse
read_frame (WsInput *input, guint8 **data, gsize *size, guint8 **payload)
{
  guint before = input->partial_size;
  gsize taken = MIN (*size, WS_INPUT_PARTIAL_MAX - before);
  guint8 *start = *data;
  gsize available = *size;
  gsize needed = 0;
  WsParse parsed;

  if (before > 0)
    {
      memcpy (input->partial + before, *data, taken);
      start = input->partial;
      available = before + taken;
    }

  parsed = ws_frame_parse (start, available, &input->frame, &needed);
  if (parsed == WS_PARSE_BAD)
    return WS_PARSE_BAD;

  *payload = start + needed;
  if (parsed == WS_PARSE_OK && ws_opcode_is_control (input->frame.opcode))
    needed += input->frame.length;
  if (parsed == WS_PARSE_MORE || available < needed)
    {
      keep_partial (input, *data, *size);
      advance (data, size, *size);
      return WS_PARSE_MORE;
    }

  advance (data, size, needed - before);
  input->partial_size = 0;
  return WS_PARSE_OK;
}

/* Begins the data frame whose header was read. Returns: FALSE if the opcode is not allowed here. */
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

/* Returns: the size in bytes of the current message up to the end of the current frame. */
static guint64
announced_size (const WsInput *input)
{
  const gsize so_far = input->message != NULL ? input->message->len : 0;

  return so_far + (input->frame.length - input->done);
}

/* Reads the payload of a data frame. Returns: %WS_PARSE_OK with @event if a message is complete. */
static WsParse
read_payload (WsInput *input, guint8 **data, gsize *size, WsInputEvent *event)
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
      event->code = WS_CLOSE_INVALID_DATA;
      return WS_PARSE_BAD;
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
    return WS_PARSE_MORE;

  input->opcode = 0;
  return WS_PARSE_OK;
}

WsParse
ws_input_next (WsInput *input, guint8 **data, gsize *size, gsize max_message, WsInputEvent *event)
{
  WsParse result;
  guint8 *payload;

  ws_input_release_event (input);

  do
    {
      if (!input->in_frame)
        {
          result = read_frame (input, data, size, &payload);
          event->code = WS_CLOSE_PROTOCOL_ERROR;
          if (result != WS_PARSE_OK)
            return result;

          if (ws_opcode_is_control (input->frame.opcode))
            {
              ws_frame_mask (payload, input->frame.length, input->frame.mask, 0);
              *event = (WsInputEvent){ .opcode = input->frame.opcode,
                                       .data = payload,
                                       .size = input->frame.length };
              return WS_PARSE_OK;
            }
          if (!begin_frame (input))
            return WS_PARSE_BAD;
        }
      if (announced_size (input) > max_message)
        {
          event->code = WS_CLOSE_TOO_BIG;
          return WS_PARSE_BAD;
        }

      result = read_payload (input, data, size, event);
      if (result != WS_PARSE_MORE)
        return result;
    }
  while (*size > 0);

  return WS_PARSE_MORE;
}

gboolean
ws_input_is_idle (const WsInput *input)
{
  return input->opcode == 0 && input->partial_size == 0;
}

void
ws_input_clear (WsInput *input)
{
  g_clear_pointer (&input->partial, g_free);
  g_clear_pointer (&input->message, g_byte_array_unref);
}
