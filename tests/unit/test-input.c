/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Messages and control frames out of bytes: the same events however they were cut, and each
 * violation at the first byte that shows it (RFC 6455 §5.4, §5.5, §8.1). */

#include <string.h>

#include "frames.h"
#include "ws-client-pack.h"

#define MAX_MESSAGE 1000

/* What came out, as text: "text:hello ping:x 1002". */
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

/* Feeds a copy of just that size, which a sanitizer guards. Returns: FALSE once it has failed. */
static gboolean
reader_feed (Reader *reader, const guint8 *data, gsize size)
{
  g_autofree guint8 *copy = g_memdup2 (data, size);
  guint8 *rest = copy;

  while (size > 0)
    {
      WsInputEvent event;
      guint16 code;

      switch (ws_input_next (&reader->input, &rest, &size, MAX_MESSAGE, &event, &code))
        {
        case WS_INPUT_MORE:
          g_assert_cmpuint (size, ==, 0);
          break;
        case WS_INPUT_EVENT:
          g_string_append_printf (reader->events, "%s:%.*s ", name_opcode (event.opcode),
                                  (int) event.size, (const char *) event.data);
          break;
        case WS_INPUT_BAD:
          g_string_append_printf (reader->events, "%u", code);
          return FALSE;
        }
    }

  return TRUE;
}

/* Puts what another process would make of the input in its place. */
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

/* Whole, cut in two at every byte, the same with a hand-over in between, and byte by byte. */
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
messages_come_out_as_they_went_in (void)
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
control_frames_come_through_between_fragments (void)
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
characters_may_be_cut_by_fragments (void)
{
  const char *const satellite = "🛰";
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  frame_append (bytes, FRAME_TEXT, satellite, 1);
  append_text (bytes, FRAME_FIN | FRAME_PING, "\xFF"); /* control frames carry any bytes */
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
text_that_is_none_fails (void)
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

/* Of a frame that promises more, only the bad byte need have come. */
static void
bad_text_fails_before_its_frame_is_whole (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  Reader reader;

  append_text (bytes, FRAME_TEXT, "good \xE2\x82");
  append_text (bytes, FRAME_FIN | FRAME_CONTINUATION, "\xFF and five hundred more");

  reader_begin (&reader);
  g_assert_true (reader_feed (&reader, bytes->data, 6 + 7 + 6)); /* up to the second payload */
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
message_too_big_fails_at_the_header_that_says_so (void)
{
  g_autofree char *half = g_strnfill (MAX_MESSAGE / 2, 'h');
  g_autofree char *whole = g_strnfill (MAX_MESSAGE + 1, 'w');
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GByteArray) fragments = g_byte_array_new ();
  Reader reader;

  append_text (bytes, FRAME_FIN | FRAME_BINARY, whole);
  reader_begin (&reader);
  g_assert_false (reader_feed (&reader, bytes->data, 8)); /* not a byte of its payload */
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
largest_promise_takes_no_memory (void)
{
  const guint8 header[]
    = { 0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0 };
  WsInput input = { 0 };
  guint8 copy[sizeof header];
  guint8 *data = copy;
  gsize size = sizeof copy;
  WsInputEvent event;
  guint16 code;

  memcpy (copy, header, sizeof copy);
  g_assert_cmpint (ws_input_next (&input, &data, &size, G_MAXSIZE, &event, &code), ==,
                   WS_INPUT_MORE); /* allowed, but nothing came */
  g_assert_true (input.message == NULL || input.message->len == 0);
  ws_input_clear (&input);
}

static void
nothing_is_owned_between_messages (void)
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
nothing_comes_of_nothing (void)
{
  WsInput input = { 0 };
  guint8 *data = NULL;
  gsize size = 0;
  WsInputEvent event;
  guint16 code;

  g_assert_cmpint (ws_input_next (&input, &data, &size, MAX_MESSAGE, &event, &code), ==,
                   WS_INPUT_MORE);
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
what_no_input_can_be_is_refused (void)
{
  const char *const cases[] = {
    "(1, (0, 0, 0), true, 0, (true, 1, 5, [1, 2, 3]), @ay [], @ay [])",         /* mask cut short */
    "(3, (0, 0, 0), false, 0, (true, 1, 5, [1, 2, 3, 4]), @ay [], @ay [])",     /* opcode */
    "(0, (0, 0, 0), true, 0, (true, 1, 5, [1, 2, 3, 4]), @ay [], @ay [])",      /* of no message */
    "(0, (0, 0, 0), false, 0, (true, 1, 5, [1, 2, 3, 4]), @ay [], [65])",       /* the same */
    "(1, (4, 0, 0), false, 0, (true, 1, 5, [1, 2, 3, 4]), @ay [], [65])",       /* UTF-8 */
    "(1, (0, 0, 0), true, 5, (true, 1, 5, [1, 2, 3, 4]), @ay [], [1,2,3,4,5])", /* is over */
    "(1, (0, 0, 0), true, 2, (true, 1, 5, [1, 2, 3, 4]), @ay [], [65])", /* more than there is */
    "(1, (0, 0, 0), true, 0, (true, 1, 9223372036854775808, [1, 2, 3, 4]), @ay [], @ay [])",
    "(1, (0, 0, 0), true, 0, (true, 1, 5, [1, 2, 3, 4]), [129], @ay [])",  /* two headers */
    "(0, (0, 0, 0), false, 0, (true, 1, 5, [1, 2, 3, 4]), [255], @ay [])", /* no header */
    "(0, (0, 0, 0), false, 0, (true, 1, 5, [1, 2, 3, 4]), [129, 129, 0, 0, 0, 0], @ay [])", /* whole
                                                                                             */
    "(0, (0, 0, 0), false, 0, (true, 1, 5, [1, 2, 3, 4]), [137, 128, 0, 0, 0, 0], @ay [])", /* ping
                                                                                             */
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

/* Beyond what anybody would wait with. */
static void
longer_header_than_there_is_is_refused (void)
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

  g_test_add_func ("/input/messages", messages_come_out_as_they_went_in);
  g_test_add_func ("/input/fragments", fragments_are_joined);
  g_test_add_func ("/input/control", control_frames_come_through_between_fragments);
  g_test_add_func ("/input/characters", characters_may_be_cut_by_fragments);
  g_test_add_func ("/input/binary", binary_may_be_any_bytes);
  g_test_add_func ("/input/bad/text", text_that_is_none_fails);
  g_test_add_func ("/input/bad/text/early", bad_text_fails_before_its_frame_is_whole);
  g_test_add_func ("/input/bad/order", fragments_out_of_order_fail);
  g_test_add_func ("/input/bad/header", bad_headers_fail);
  g_test_add_func ("/input/bad/size", message_too_big_fails_at_the_header_that_says_so);
  g_test_add_func ("/input/memory", nothing_is_owned_between_messages);
  g_test_add_func ("/input/memory/promise", largest_promise_takes_no_memory);
  g_test_add_func ("/input/empty", nothing_comes_of_nothing);
  g_test_add_func ("/input/idle", input_is_idle_between_messages_only);
  g_test_add_func ("/input/unpack/refused", what_no_input_can_be_is_refused);
  g_test_add_func ("/input/unpack/refused/long", longer_header_than_there_is_is_refused);

  return g_test_run ();
}
