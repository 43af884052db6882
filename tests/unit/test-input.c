/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Assembling messages and control frames: the result does not depend on how the bytes are split,
 * and each violation is detected at its first byte (RFC 6455 §5.4, §5.5, §8.1). */

#include <string.h>

#include "frames.h"
#include "ws-client-pack.h"

#define MAX_MESSAGE 1000

/* Events as text, such as "text:hello ping:x 1002". */
typedef struct
{
  WsInput input;
  GString *events;
} Reader;

static void
reader_begin (Reader *reader)
{
  reader->input = (WsInput){ 0 };
  reader->events = g_string_new (NULL);
}

static void
reader_end (Reader *reader)
{
  ws_input_clear (&reader->input);
  g_string_free (reader->events, TRUE);
}

static const char *
name_opcode (WsOpcode opcode)
{
  switch (opcode)
    {
    case WS_OPCODE_TEXT:
      return "text";
    case WS_OPCODE_BINARY:
      return "binary";
    case WS_OPCODE_CLOSE:
      return "close";
    case WS_OPCODE_PING:
      return "ping";
    case WS_OPCODE_PONG:
      return "pong";
    case WS_OPCODE_CONTINUATION:
      break;
    }

  return "none";
}

/* Feeds a copy of exactly @size bytes, so that a sanitizer detects reads beyond it.
 * Returns: FALSE after a failure. */
static gboolean
reader_feed (Reader *reader, const guint8 *data, gsize size)
{
  g_autofree guint8 *copy = g_memdup2 (data, size);
  guint8 *rest = copy;

  while (size > 0)
    {
      WsInputEvent event;

      switch (ws_input_next (&reader->input, &rest, &size, MAX_MESSAGE, &event))
        {
        case WS_PARSE_MORE:
          g_assert_cmpuint (size, ==, 0);
          break;
        case WS_PARSE_OK:
          g_string_append_printf (reader->events, "%s:%.*s ", name_opcode (event.opcode),
                                  (int) event.size, (const char *) event.data);
          break;
        case WS_PARSE_BAD:
          g_string_append_printf (reader->events, "%u", event.code);
          return FALSE;
        }
    }

  return TRUE;
}

/* Packs the input and replaces it by the unpacked one. */
static void
reader_hand_over (Reader *reader)
{
  g_autoptr (GVariant) packed = NULL;

  ws_input_release_event (&reader->input);
  packed = g_variant_ref_sink (ws_input_pack (&reader->input));
  g_assert_cmpstr (g_variant_get_type_string (packed), ==, WS_INPUT_PACKED_TYPE);
  ws_input_clear (&reader->input);
  reader->input = (WsInput){ 0 };
  g_assert_true (ws_input_unpack (&reader->input, packed));
}

/* Feeds the bytes whole, split in two at each byte, split with a hand-over in between, and one by
 * one. */
static void
assert_events (const GByteArray *bytes, const char *expected)
{
  Reader reader;

  for (gsize cut = 0; cut < bytes->len; cut++)
    {
      reader_begin (&reader);
      if (reader_feed (&reader, bytes->data, cut))
        {
          reader_hand_over (&reader);
          reader_feed (&reader, bytes->data + cut, bytes->len - cut);
        }
      g_assert_cmpstr (reader.events->str, ==, expected);
      reader_end (&reader);
    }
  for (gsize cut = 0; cut < bytes->len; cut++)
    {
      reader_begin (&reader);
      if (reader_feed (&reader, bytes->data, cut))
        reader_feed (&reader, bytes->data + cut, bytes->len - cut);
      g_assert_cmpstr (reader.events->str, ==, expected);
      reader_end (&reader);
    }

  reader_begin (&reader);
  for (gsize i = 0; i < bytes->len && reader_feed (&reader, bytes->data + i, 1); i++)
    ;
  g_assert_cmpstr (reader.events->str, ==, expected);
  reader_end (&reader);
}

static void
append_text (GByteArray *bytes, guint8 first, const char *text)
{
  frame_append (bytes, first, text, strlen (text));
}

static void
messages_are_assembled (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GString) expected = g_string_new ("text:hello binary:raw text: binary: ");
  const gsize sizes[] = { 125, 126, 127, MAX_MESSAGE };

  append_text (bytes, FRAME_FIN | FRAME_TEXT, "hello");
  append_text (bytes, FRAME_FIN | FRAME_BINARY, "raw");
  append_text (bytes, FRAME_FIN | FRAME_TEXT, "");
  append_text (bytes, FRAME_FIN | FRAME_BINARY, "");
  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autofree char *text = g_strnfill (sizes[i], '0' + i);

      append_text (bytes, FRAME_FIN | FRAME_TEXT, text);
      g_string_append_printf (expected, "text:%s ", text);
    }

  assert_events (bytes, expected->str);
}

static void
fragments_are_joined (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  append_text (bytes, FRAME_TEXT, "one ");
  append_text (bytes, FRAME_CONTINUATION, "two ");
  append_text (bytes, FRAME_CONTINUATION, "");
  append_text (bytes, FRAME_FIN | FRAME_CONTINUATION, "three");
  append_text (bytes, FRAME_BINARY, "");
  append_text (bytes, FRAME_FIN | FRAME_CONTINUATION, "");
  append_text (bytes, FRAME_BINARY, "");
  append_text (bytes, FRAME_FIN | FRAME_CONTINUATION, "x");

  assert_events (bytes, "text:one two three binary: binary:x ");
}

static void
control_frames_between_fragments_are_emitted (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autofree char *longest = g_strnfill (125, 'p');
  g_autofree char *expected = g_strdup_printf ("ping:%s pong: ping:q text:one two ping: close: ",
                                               longest);

  append_text (bytes, FRAME_TEXT, "one ");
  append_text (bytes, FRAME_FIN | FRAME_PING, longest);
  append_text (bytes, FRAME_FIN | FRAME_PONG, "");
  append_text (bytes, FRAME_CONTINUATION, "");
  append_text (bytes, FRAME_FIN | FRAME_PING, "q");
  append_text (bytes, FRAME_FIN | FRAME_CONTINUATION, "two");
  append_text (bytes, FRAME_FIN | FRAME_PING, "");
  frame_append_close (bytes, 0, NULL);

  assert_events (bytes, expected);
}

static void
characters_may_be_split_between_fragments (void)
{
  const char *const satellite = "🛰";
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  frame_append (bytes, FRAME_TEXT, satellite, 1);
  append_text (bytes, FRAME_FIN | FRAME_PING, "\xFF"); /* control frames may have any payload */
  frame_append (bytes, FRAME_CONTINUATION, satellite + 1, 2);
  append_text (bytes, FRAME_CONTINUATION, "");
  append_text (bytes, FRAME_FIN | FRAME_CONTINUATION, satellite + 3);

  assert_events (bytes, "ping:\xFF text:🛰 ");
}

static void
binary_may_be_any_bytes (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  append_text (bytes, FRAME_FIN | FRAME_BINARY, "\xFF\xC0\x80");
  append_text (bytes, FRAME_BINARY, "\xC3");
  append_text (bytes, FRAME_FIN | FRAME_CONTINUATION, "\xC3");

  assert_events (bytes, "binary:\xFF\xC0\x80 binary:\xC3\xC3 ");
}

static void
invalid_text_fails (void)
{
  const char *const bad[] = { "\xFF", "ab\xC0\x80", "\xED\xA0\x80", "whole but for \xE2\x82" };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GByteArray) whole = g_byte_array_new ();
      g_autoptr (GByteArray) fragments = g_byte_array_new ();

      append_text (whole, FRAME_FIN | FRAME_TEXT, "good");
      append_text (whole, FRAME_FIN | FRAME_TEXT, bad[i]);
      append_text (whole, FRAME_FIN | FRAME_TEXT, "never seen");
      assert_events (whole, "text:good 1007");

      frame_append (fragments, FRAME_TEXT, bad[i], 1);
      append_text (fragments, FRAME_FIN | FRAME_PING, "");
      append_text (fragments, FRAME_FIN | FRAME_CONTINUATION, bad[i] + 1);
      assert_events (fragments, i == 0 ? "1007" : "ping: 1007");
    }
}

/* The rest of the frame is not needed. */
static void
invalid_text_fails_before_its_frame_is_complete (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  Reader reader;

  append_text (bytes, FRAME_TEXT, "good \xE2\x82");
  append_text (bytes, FRAME_FIN | FRAME_CONTINUATION, "\xFF and five hundred more");

  reader_begin (&reader);
  g_assert_true (
    reader_feed (&reader, bytes->data, 6 + 7 + 6)); /* up to the payload of the second frame */
  g_assert_false (reader_feed (&reader, bytes->data + 19, 1));
  g_assert_cmpstr (reader.events->str, ==, "1007");
  reader_end (&reader);
}

static void
fragments_out_of_order_fail (void)
{
  g_autoptr (GByteArray) orphan = g_byte_array_new ();
  g_autoptr (GByteArray) orphan_behind = g_byte_array_new ();
  g_autoptr (GByteArray) interrupted = g_byte_array_new ();

  append_text (orphan, FRAME_FIN | FRAME_CONTINUATION, "of nothing");
  assert_events (orphan, "1002");

  append_text (orphan_behind, FRAME_FIN | FRAME_TEXT, "whole");
  append_text (orphan_behind, FRAME_CONTINUATION, "of nothing");
  assert_events (orphan_behind, "text:whole 1002");

  append_text (interrupted, FRAME_BINARY, "first half");
  append_text (interrupted, FRAME_FIN | FRAME_TEXT, "another");
  assert_events (interrupted, "1002");
}

static void
bad_headers_fail (void)
{
  const guint8 firsts[] = { 0xC1, 0xA2, 0x91, 0x83, 0x87, 0x8B, 0x8F, 0x08, 0x09, 0x0A };
  const guint8 unmasked[] = { 0x81, 0x01, 'x' };
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  for (gsize i = 0; i < G_N_ELEMENTS (firsts); i++)
    {
      g_byte_array_set_size (bytes, 0);
      append_text (bytes, FRAME_FIN | FRAME_TEXT, "good");
      append_text (bytes, firsts[i], "x");
      assert_events (bytes, "text:good 1002");
    }

  g_byte_array_set_size (bytes, 0);
  g_byte_array_append (bytes, unmasked, sizeof unmasked);
  assert_events (bytes, "1002");
}

static void
message_over_the_limit_fails_at_its_header (void)
{
  g_autofree char *half = g_strnfill (MAX_MESSAGE / 2, 'h');
  g_autofree char *whole = g_strnfill (MAX_MESSAGE + 1, 'w');
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GByteArray) fragments = g_byte_array_new ();
  Reader reader;

  append_text (bytes, FRAME_FIN | FRAME_BINARY, whole);
  reader_begin (&reader);
  g_assert_false (reader_feed (&reader, bytes->data, 8)); /* no payload yet */
  g_assert_cmpstr (reader.events->str, ==, "1009");
  reader_end (&reader);
  assert_events (bytes, "1009");

  append_text (fragments, FRAME_TEXT, half);
  append_text (fragments, FRAME_CONTINUATION, half);
  append_text (fragments, FRAME_CONTINUATION, "");
  append_text (fragments, FRAME_FIN | FRAME_CONTINUATION, "x");
  assert_events (fragments, "1009");
}

static void
announced_length_takes_no_memory (void)
{
  const guint8 header[]
    = { 0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0 };
  WsInput input = { 0 };
  guint8 copy[sizeof header];
  guint8 *data = copy;
  gsize size = sizeof copy;
  WsInputEvent event;

  memcpy (copy, header, sizeof copy);
  g_assert_cmpint (ws_input_next (&input, &data, &size, G_MAXSIZE, &event), ==,
                   WS_PARSE_MORE); /* allowed, but incomplete */
  g_assert_true (input.message == NULL || input.message->len == 0);
  ws_input_clear (&input);
}

static void
no_memory_is_owned_between_messages (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  Reader reader;

  append_text (bytes, FRAME_TEXT, "in two ");
  append_text (bytes, FRAME_FIN | FRAME_PING, "p");
  append_text (bytes, FRAME_FIN | FRAME_CONTINUATION, "fragments");
  append_text (bytes, FRAME_FIN | FRAME_TEXT, "x");

  reader_begin (&reader);
  for (gsize i = 0; i < bytes->len; i++)
    g_assert_true (reader_feed (&reader, bytes->data + i, 1));
  g_assert_cmpstr (reader.events->str, ==, "ping:p text:in two fragments text:x ");
  g_byte_array_set_size (bytes, 0);
  append_text (bytes, FRAME_FIN | FRAME_TEXT, "whole");
  g_assert_true (reader_feed (&reader, bytes->data, bytes->len));
  g_assert_null (reader.input.message);
  g_assert_null (reader.input.partial);
  reader_end (&reader);
}

static void
no_bytes_give_no_event (void)
{
  WsInput input = { 0 };
  guint8 *data = NULL;
  gsize size = 0;
  WsInputEvent event;

  g_assert_cmpint (ws_input_next (&input, &data, &size, MAX_MESSAGE, &event), ==, WS_PARSE_MORE);
  ws_input_clear (&input);
}

static void
input_is_idle_between_messages_only (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  Reader reader;

  append_text (bytes, FRAME_TEXT, "");
  append_text (bytes, FRAME_FIN | FRAME_PING, "");
  append_text (bytes, FRAME_FIN | FRAME_CONTINUATION, "x");
  reader_begin (&reader);
  g_assert_true (ws_input_is_idle (&reader.input));
  for (gsize i = 0; i < bytes->len; i++)
    {
      reader_feed (&reader, bytes->data + i, 1);
      g_assert_cmpint (ws_input_is_idle (&reader.input), ==, i + 1 == bytes->len);
    }
  reader_end (&reader);
}

static void
impossible_state_is_refused (void)
{
  const char *const cases[] = {
    /* truncated mask */
    "(1, (0, 0, 0), true, 0, (true, 1, 5, [1, 2, 3]), @ay [], @ay [])",
    /* opcode of no message */
    "(3, (0, 0, 0), false, 0, (true, 1, 5, [1, 2, 3, 4]), @ay [], @ay [])",
    /* frame or partial message without an opcode */
    "(0, (0, 0, 0), true, 0, (true, 1, 5, [1, 2, 3, 4]), @ay [], @ay [])",
    "(0, (0, 0, 0), false, 0, (true, 1, 5, [1, 2, 3, 4]), @ay [], [65])",
    /* UTF-8 character of five bytes */
    "(1, (4, 0, 0), false, 0, (true, 1, 5, [1, 2, 3, 4]), @ay [], [65])",
    /* complete payload, or less kept than read */
    "(1, (0, 0, 0), true, 5, (true, 1, 5, [1, 2, 3, 4]), @ay [], [1,2,3,4,5])",
    "(1, (0, 0, 0), true, 2, (true, 1, 5, [1, 2, 3, 4]), @ay [], [65])",
    /* length over 2^63 */
    "(1, (0, 0, 0), true, 0, (true, 1, 9223372036854775808, [1, 2, 3, 4]), @ay [], @ay [])",
    /* partial header that is in a frame, invalid, or complete */
    "(1, (0, 0, 0), true, 0, (true, 1, 5, [1, 2, 3, 4]), [129], @ay [])",
    "(0, (0, 0, 0), false, 0, (true, 1, 5, [1, 2, 3, 4]), [255], @ay [])",
    "(0, (0, 0, 0), false, 0, (true, 1, 5, [1, 2, 3, 4]), [129, 129, 0, 0, 0, 0], @ay [])",
    /* complete ping */
    "(0, (0, 0, 0), false, 0, (true, 1, 5, [1, 2, 3, 4]), [137, 128, 0, 0, 0, 0], @ay [])",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) packed = g_variant_parse (G_VARIANT_TYPE (WS_INPUT_PACKED_TYPE),
                                                     cases[i], NULL, NULL, &error);
      g_auto (WsInput) input = { 0 };

      g_test_message ("%s", cases[i]);
      g_assert_no_error (error);
      g_assert_false (ws_input_unpack (&input, packed));
    }
}

/* Longer than any partial frame. */
static void
too_long_partial_frame_is_refused (void)
{
  guint8 bytes[200] = { 0x89, 0xFD };
  g_auto (WsInput) input = { 0 };
  g_autoptr (GVariant) packed = g_variant_ref_sink (
    g_variant_new ("(y(yyy)bt(byt@ay)@ay@ay)", 0, 0, 0, 0, FALSE, (guint64) 0, FALSE, 0,
                   (guint64) 0, g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, "mask", 4, 1),
                   g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, sizeof bytes, 1),
                   g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, NULL, 0, 1)));

  g_assert_false (ws_input_unpack (&input, packed));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/input/messages", messages_are_assembled);
  g_test_add_func ("/input/fragments", fragments_are_joined);
  g_test_add_func ("/input/control", control_frames_between_fragments_are_emitted);
  g_test_add_func ("/input/characters", characters_may_be_split_between_fragments);
  g_test_add_func ("/input/binary", binary_may_be_any_bytes);
  g_test_add_func ("/input/bad/text", invalid_text_fails);
  g_test_add_func ("/input/bad/text/early", invalid_text_fails_before_its_frame_is_complete);
  g_test_add_func ("/input/bad/order", fragments_out_of_order_fail);
  g_test_add_func ("/input/bad/header", bad_headers_fail);
  g_test_add_func ("/input/bad/size", message_over_the_limit_fails_at_its_header);
  g_test_add_func ("/input/memory", no_memory_is_owned_between_messages);
  g_test_add_func ("/input/memory/announced", announced_length_takes_no_memory);
  g_test_add_func ("/input/empty", no_bytes_give_no_event);
  g_test_add_func ("/input/idle", input_is_idle_between_messages_only);
  g_test_add_func ("/input/unpack/refused", impossible_state_is_refused);
  g_test_add_func ("/input/unpack/refused/long", too_long_partial_frame_is_refused);

  return g_test_run ();
}
