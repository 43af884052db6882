/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Fuzzes the frame codec and the assembly of messages. An input is
 *
 *   1 byte   how the rest is split; 0: byte by byte
 *   1 byte   message limit in units of 16 bytes
 *   the rest bytes of the client
 *
 * Properties: splitting does not change the result, encoded frames can be parsed, and UTF-8
 * validation agrees with GLib. Each piece is in memory of its exact size, for the sanitizers. */

#include <glib.h>
#include <stdint.h>
#include <string.h>

#include "cuts.h"
#include "ws-input.h"

#define PREFIX 2

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* Checks the properties of any event. */
static void
check_event (const WsInputEvent *event, gsize max_message)
{
  g_autofree char *text = NULL;

  g_assert (event->size
            <= (ws_opcode_is_control (event->opcode) ? WS_CONTROL_PAYLOAD_MAX : max_message));
  g_assert (event->opcode != WS_OPCODE_CONTINUATION);
  if (event->opcode != WS_OPCODE_TEXT)
    return;

  text = g_memdup2 (event->data, event->size);
  for (gsize i = 0; i < event->size; i++)
    if (text[i] == '\0')
      text[i] = 'a'; /* NUL ends a string for GLib */
  g_assert (g_utf8_validate_len (text, event->size, NULL));
}

/* Appends an event or a failure to @diary. */
static void
note (GByteArray *diary, guint32 kind, const guint8 *data, gsize size)
{
  const guint64 length = size;

  g_byte_array_append (diary, (const guint8 *) &kind, sizeof kind);
  g_byte_array_append (diary, (const guint8 *) &length, sizeof length);
  if (size > 0)
    g_byte_array_append (diary, data, size);
}

/* Feeds one piece. Returns: FALSE after a failure. */
static gboolean
feed (WsInput *input, const guint8 *data, gsize size, gsize max_message, GByteArray *diary)
{
  g_autofree guint8 *piece = g_memdup2 (data, size);
  guint8 *rest = piece;

  while (size > 0)
    {
      const gsize before = size;
      WsInputEvent event;

      switch (ws_input_next (input, &rest, &size, max_message, &event))
        {
        case WS_PARSE_MORE:
          g_assert (size == 0);
          break;
        case WS_PARSE_OK:
          g_assert (size < before);
          check_event (&event, max_message);
          note (diary, event.opcode, event.data, event.size);
          break;
        case WS_PARSE_BAD:
          g_assert (event.code == WS_CLOSE_PROTOCOL_ERROR || event.code == WS_CLOSE_INVALID_DATA
                    || event.code == WS_CLOSE_TOO_BIG);
          note (diary, event.code, NULL, 0);
          return FALSE;
        }
    }

  ws_input_release_event (input);
  if (input->opcode == 0)
    g_assert (input->message == NULL);
  if (input->partial_size == 0)
    g_assert (input->partial == NULL);
  return TRUE;
}

static void
cutting_changes_nothing (Cuts cuts, const guint8 *data, gsize size, gsize max_message)
{
  g_autoptr (GByteArray) of_whole = g_byte_array_new ();
  g_autoptr (GByteArray) of_pieces = g_byte_array_new ();
  g_auto (WsInput) whole = { 0 };
  g_auto (WsInput) pieces = { 0 };
  gboolean goes_on = TRUE;

  feed (&whole, data, size, max_message, of_whole);
  for (gsize at = 0, piece; goes_on && at < size; at += piece)
    {
      piece = next_piece (&cuts, size - at);
      goes_on = feed (&pieces, data + at, piece, max_message, of_pieces);
    }

  g_assert (of_whole->len == of_pieces->len);
  g_assert (of_whole->len == 0 || memcmp (of_whole->data, of_pieces->data, of_whole->len) == 0);
}

/* Encodes @payload, turns the server frame into a client frame, and parses it. */
static void
encoded_frame_is_parsed_again (Cuts cuts, const guint8 *payload, gsize size)
{
  const guint8 mask[4] = { cuts.state, 0x5A, size, 0xFF };
  const gsize frame_size = ws_frame_size (size) + sizeof mask;
  g_autofree guint8 *frame = g_malloc (frame_size);
  g_autoptr (GByteArray) diary = g_byte_array_new ();
  g_autoptr (GByteArray) expected = g_byte_array_new ();
  g_auto (WsInput) input = { 0 };
  gsize header_size = ws_frame_encode_header (frame, WS_OPCODE_BINARY, size);
  gsize parsed_size = 0;
  WsFrameHeader header;

  frame[1] |= 0x80;
  memcpy (frame + header_size, mask, sizeof mask);
  header_size += sizeof mask;
  if (size > 0)
    memcpy (frame + header_size, payload, size);
  for (gsize at = 0, piece; at < size; at += piece)
    {
      piece = next_piece (&cuts, size - at);
      ws_frame_mask (frame + header_size + at, piece, mask, at);
    }

  for (gsize part = 0; part < header_size; part++)
    g_assert (ws_frame_parse (frame, part, &header, &parsed_size) == WS_PARSE_MORE);
  g_assert (ws_frame_parse (frame, frame_size, &header, &parsed_size) == WS_PARSE_OK);
  g_assert (parsed_size == header_size && header.length == size && header.fin);
  g_assert (header.opcode == WS_OPCODE_BINARY && memcmp (header.mask, mask, sizeof mask) == 0);

  note (expected, WS_OPCODE_BINARY, payload, size);
  g_assert (feed (&input, frame, frame_size, size, diary));
  g_assert (diary->len == expected->len && memcmp (diary->data, expected->data, diary->len) == 0);
}

static void
utf8_is_what_glib_says (Cuts cuts, const guint8 *data, gsize size)
{
  g_autofree char *text = g_memdup2 (data, size);
  gboolean is_text = TRUE;
  WsUtf8 utf8 = { 0 };

  for (gsize at = 0, piece; is_text && at < size; at += piece)
    {
      g_autofree guint8 *copy = NULL;

      piece = next_piece (&cuts, size - at);
      copy = g_memdup2 (data + at, piece);
      is_text = ws_utf8_feed (&utf8, copy, piece);
    }
  is_text = is_text && ws_utf8_is_complete (&utf8);

  for (gsize i = 0; i < size; i++)
    if (text[i] == '\0')
      text[i] = 'a';
  g_assert (is_text == (size == 0 || g_utf8_validate_len (text, size, NULL)));
}

/* A valid payload of a close frame can be sent back. */
static void
close_frame_can_be_answered (const guint8 *payload, gsize size)
{
  guint8 answer[WS_CONTROL_FRAME_MAX];
  guint16 code = 0;
  guint16 parsed = 0;
  gsize answer_size;

  size = MIN (size, WS_CONTROL_PAYLOAD_MAX);
  if (!ws_frame_parse_close (payload, size, &code))
    g_assert (code == WS_CLOSE_PROTOCOL_ERROR || code == WS_CLOSE_INVALID_DATA);
  answer_size = ws_frame_encode_close (answer, code, NULL);
  g_assert (ws_frame_parse_close (answer + 2, answer_size - 2, &parsed) && parsed == code);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  Cuts cuts;
  gsize max_message;

  if (size < PREFIX)
    return 0;

  cuts.state = data[0];
  max_message = data[1] * 16;
  data += PREFIX;
  size -= PREFIX;

  cutting_changes_nothing (cuts, data, size, max_message);
  encoded_frame_is_parsed_again (cuts, data, size);
  utf8_is_what_glib_says (cuts, data, size);
  close_frame_can_be_answered (data, size);
  return 0;
}
