/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The frame codec (RFC 6455 §5.2 to §5.5): all header forms, and both sides of all limits. */

#include <string.h>

#include "frames.h"
#include "ws-frame.h"

/* Parses a copy of exactly @size bytes, so that a sanitizer detects reads beyond it. */
static WsParse
parse (const guint8 *data, gsize size, WsFrameHeader *header, gsize *header_size)
{
  g_autofree guint8 *copy = g_memdup2 (data, size);

  return ws_frame_parse (copy, size, header, header_size);
}

/* Writes a client header. @form: 0, 2 or 8 bytes of extended length. */
static gsize
make_header (guint8 out[WS_CLIENT_HEADER_MAX], guint8 first, guint64 length, gsize form)
{
  const guint64 big_endian = GUINT64_TO_BE (length);
  const guint8 mask[] = { 0x37, 0xFA, 0x21, 0x3D };

  out[0] = first;
  out[1] = 0x80 | (form == 0 ? length : form == 2 ? 126 : 127);
  memcpy (out + 2, (const guint8 *) &big_endian + 8 - form, form);
  memcpy (out + 2 + form, mask, sizeof mask);
  return 2 + form + sizeof mask;
}

static void
lengths_are_parsed_or_refused_in_all_forms (void)
{
  const struct
  {
    gsize form;
    guint64 length;
    WsParse result;
  } cases[] = {
    { 0, 0, WS_PARSE_OK },
    { 0, 1, WS_PARSE_OK },
    { 0, 125, WS_PARSE_OK },
    { 2, 0, WS_PARSE_BAD },
    { 2, 125, WS_PARSE_BAD },
    { 2, 126, WS_PARSE_OK },
    { 2, 127, WS_PARSE_OK },
    { 2, 65535, WS_PARSE_OK },
    { 8, 0, WS_PARSE_BAD },
    { 8, 125, WS_PARSE_BAD },
    { 8, 126, WS_PARSE_BAD },
    { 8, 65535, WS_PARSE_BAD },
    { 8, 65536, WS_PARSE_OK },
    { 8, G_MAXUINT32, WS_PARSE_OK },
    { 8, G_MAXINT64, WS_PARSE_OK },
    { 8, (guint64) G_MAXINT64 + 1, WS_PARSE_BAD },
    { 8, G_MAXUINT64, WS_PARSE_BAD },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      guint8 data[WS_CLIENT_HEADER_MAX];
      const gsize size = make_header (data, 0x82, cases[i].length, cases[i].form);
      WsFrameHeader header = { 0 };
      gsize header_size = 0;

      g_test_message ("%" G_GUINT64_FORMAT " in %zu bytes", cases[i].length, cases[i].form);
      g_assert_cmpint (parse (data, size, &header, &header_size), ==, cases[i].result);
      if (cases[i].result != WS_PARSE_OK)
        continue;
      g_assert_cmpuint (header.length, ==, cases[i].length);
      g_assert_cmpuint (header_size, ==, size);
      g_assert_cmpmem (header.mask, 4, data + size - 4, 4);
    }
}

/* Whether RFC 6455 allows a client frame to begin with these bytes. */
static gboolean
is_allowed (guint8 first, guint8 second)
{
  const guint8 opcode = first & 0x0F;
  const guint8 length = second & 0x7F;

  if ((first & 0x70) != 0 || (second & 0x80) == 0)
    return FALSE;
  if (opcode <= 2)
    return TRUE;

  return opcode >= 8 && opcode <= 10 && (first & 0x80) != 0 && length <= 125;
}

static void
all_first_bytes_are_accepted_or_refused (void)
{
  for (guint pair = 0; pair <= 0xFFFF; pair++)
    {
      const guint8 first = pair >> 8;
      const guint8 second = pair & 0xFF;
      const gsize form = (second & 0x7F) == 126 ? 2 : (second & 0x7F) == 127 ? 8 : 0;
      guint8 data[WS_CLIENT_HEADER_MAX];
      const gsize size = make_header (data, first, form == 0 ? second & 0x7F : 65535 + form / 8,
                                      form);
      WsFrameHeader header = { 0 };
      gsize header_size = 0;
      WsParse result;

      data[1] = second;
      result = parse (data, size, &header, &header_size);
      if (result != (is_allowed (first, second) ? WS_PARSE_OK : WS_PARSE_BAD))
        g_error ("%02X %02X: %d", first, second, result);
      if (result != WS_PARSE_OK)
        continue;

      g_assert_cmphex (header.opcode, ==, first & 0x0F);
      g_assert_cmpint (header.fin, ==, first >> 7);
      g_assert_cmpuint (header_size, ==, size);
    }
}

static void
partial_header_needs_more_bytes (void)
{
  const gsize forms[] = { 0, 2, 8 };
  const guint64 lengths[] = { 5, 300, 70000 };

  for (gsize i = 0; i < G_N_ELEMENTS (forms); i++)
    {
      guint8 data[WS_CLIENT_HEADER_MAX];
      const gsize size = make_header (data, 0x81, lengths[i], forms[i]);
      WsFrameHeader header;
      gsize header_size;

      for (gsize part = 0; part < size; part++)
        g_assert_cmpint (parse (data, part, &header, &header_size), ==, WS_PARSE_MORE);
    }
}

static void
violation_is_refused_at_its_first_byte (void)
{
  const struct
  {
    guint8 data[WS_CLIENT_HEADER_MAX];
    gsize size;
  } cases[] = {
    { { 0xC1 }, 1 },               /* RSV1 */
    { { 0xA1 }, 1 },               /* RSV2 */
    { { 0x91 }, 1 },               /* RSV3 */
    { { 0x83 }, 1 },               /* reserved opcodes */
    { { 0x87 }, 1 },               /* … */
    { { 0x8B }, 1 },               /* … */
    { { 0x8F }, 1 },               /* … */
    { { 0x81, 0x05 }, 2 },         /* no mask */
    { { 0x09, 0x80 }, 2 },         /* fragmented ping */
    { { 0x89, 0xFE }, 2 },         /* ping of 126 bytes or more */
    { { 0x88, 0xFF }, 2 },         /* close frame of 126 bytes or more */
    { { 0x81, 0xFE, 0, 125 }, 4 }, /* length not in its shortest form */
    { { 0x81, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF }, 10 },
    { { 0x81, 0xFF, 0x80 }, 10 }, /* over 2^63 */
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      WsFrameHeader header;
      gsize header_size;

      g_test_message ("case %zu", i);
      g_assert_cmpint (parse (cases[i].data, cases[i].size, &header, &header_size), ==,
                       WS_PARSE_BAD);
      g_assert_cmpint (parse (cases[i].data, cases[i].size - 1, &header, &header_size), !=,
                       WS_PARSE_OK);
    }
}

static void
mask_depends_on_the_offset (void)
{
  const guint8 mask[4] = { 0x01, 0x23, 0x45, 0x67 };
  const guint64 bases[] = { 0, G_MAXUINT32 - 3, (guint64) 1 << 40 };

  for (gsize b = 0; b < G_N_ELEMENTS (bases); b++)
    for (gsize size = 0; size < 40; size++)
      for (gsize turn = 0; turn < 8; turn++)
        {
          g_autofree guint8 *data = g_malloc0 (size);

          ws_frame_mask (data, size, mask, bases[b] + turn);
          for (gsize i = 0; i < size; i++)
            g_assert_cmphex (data[i], ==, mask[(bases[b] + turn + i) % 4]);
          ws_frame_mask (data, size, mask, bases[b] + turn);
          for (gsize i = 0; i < size; i++)
            g_assert_cmphex (data[i], ==, 0);
        }
}

/* RFC 6455 §5.7 */
static void
examples_of_the_rfc_are_parsed (void)
{
  const guint8 hello[] = { 0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58 };
  const guint8 answer[] = { 0x8A, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F };
  guint8 payload[5];
  guint8 out[WS_CONTROL_FRAME_MAX];
  WsFrameHeader header;
  gsize header_size;

  g_assert_cmpint (ws_frame_parse (hello, sizeof hello, &header, &header_size), ==, WS_PARSE_OK);
  g_assert_cmpuint (header_size, ==, 6);
  g_assert_cmpuint (header.length, ==, sizeof payload);
  memcpy (payload, hello + header_size, sizeof payload);
  ws_frame_mask (payload, sizeof payload, header.mask, 0);
  g_assert_cmpmem (payload, sizeof payload, "Hello", 5);

  g_assert_cmpuint (ws_frame_encode_control (out, WS_OPCODE_PONG, payload, sizeof payload), ==,
                    sizeof answer);
  g_assert_cmpmem (out, sizeof answer, answer, sizeof answer);
}

static void
headers_are_written_in_the_shortest_form (void)
{
  const guint64 lengths[] = { 0, 1, 125, 126, 127, 255, 256, 65535, 65536, 65537, G_MAXUINT32 };
  const WsOpcode opcodes[] = { WS_OPCODE_TEXT, WS_OPCODE_BINARY };

  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    for (gsize k = 0; k < G_N_ELEMENTS (opcodes); k++)
      {
        const gsize expected = lengths[i] <= 125 ? 2 : lengths[i] <= 65535 ? 4 : 10;
        g_autoptr (GByteArray) in = g_byte_array_new ();
        guint8 out[WS_SERVER_HEADER_MAX];
        Frame frame = { 0 };

        g_assert_cmpuint (ws_frame_encode_header (out, opcodes[k], lengths[i]), ==, expected);
        g_assert_cmpuint (ws_frame_size (lengths[i]), ==, expected + lengths[i]);
        g_byte_array_append (in, out, expected);
        g_assert_cmpint (frame_read (in, &frame), ==, lengths[i] == 0);
        g_assert_cmphex (frame.opcode, ==, opcodes[k]);
        g_assert_cmpuint (frame.header_size, ==, expected);
        g_assert_cmpuint (frame.size, ==, lengths[i]);
      }
}

static void
control_frames_carry_up_to_125_bytes (void)
{
  const gsize sizes[] = { 0, 1, 125 };
  guint8 payload[WS_CONTROL_PAYLOAD_MAX];

  memset (payload, 0x5A, sizeof payload);
  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autofree guint8 *out = g_malloc (WS_CONTROL_FRAME_MAX);
      const guint8 *source = sizes[i] > 0 ? payload : NULL;

      g_assert_cmpuint (ws_frame_encode_control (out, WS_OPCODE_PING, source, sizes[i]), ==,
                        2 + sizes[i]);
      g_assert_cmphex (out[0], ==, 0x89);
      g_assert_cmphex (out[1], ==, sizes[i]);
      g_assert_cmpmem (out + 2, sizes[i], payload, sizes[i]);
    }
}

static void
only_control_opcodes_are_control (void)
{
  g_assert_false (ws_opcode_is_control (WS_OPCODE_CONTINUATION));
  g_assert_false (ws_opcode_is_control (WS_OPCODE_TEXT));
  g_assert_false (ws_opcode_is_control (WS_OPCODE_BINARY));
  g_assert_true (ws_opcode_is_control (WS_OPCODE_CLOSE));
  g_assert_true (ws_opcode_is_control (WS_OPCODE_PING));
  g_assert_true (ws_opcode_is_control (WS_OPCODE_PONG));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/frame/parse/lengths", lengths_are_parsed_or_refused_in_all_forms);
  g_test_add_func ("/frame/parse/beginnings", all_first_bytes_are_accepted_or_refused);
  g_test_add_func ("/frame/parse/part", partial_header_needs_more_bytes);
  g_test_add_func ("/frame/parse/fail-fast", violation_is_refused_at_its_first_byte);
  g_test_add_func ("/frame/mask", mask_depends_on_the_offset);
  g_test_add_func ("/frame/rfc", examples_of_the_rfc_are_parsed);
  g_test_add_func ("/frame/encode/header", headers_are_written_in_the_shortest_form);
  g_test_add_func ("/frame/encode/control", control_frames_carry_up_to_125_bytes);
  g_test_add_func ("/frame/opcodes", only_control_opcodes_are_control);

  return g_test_run ();
}
