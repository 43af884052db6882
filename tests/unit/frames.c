/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Encodes and parses frames on the client's side. */

#include "frames.h"

#include <string.h>

static void
append_big_endian (GByteArray *out, guint64 value, guint size)
{
  const guint64 big_endian = GUINT64_TO_BE (value);

  g_byte_array_append (out, (const guint8 *) &big_endian + sizeof big_endian - size, size);
}

void
frame_append (GByteArray *out, guint8 first, const void *payload, gsize size)
{
  const guint32 key = g_test_rand_int ();
  const guint8 *mask = (const guint8 *) &key;
  const guint8 length = size < 126 ? size : size < 65536 ? 126 : 127;
  const guint8 head[] = { first, 0x80 | length };
  gsize start;

  g_byte_array_append (out, head, sizeof head);
  if (length >= 126)
    append_big_endian (out, size, length == 126 ? 2 : 8);
  g_byte_array_append (out, mask, 4);

  start = out->len;
  if (size > 0)
    g_byte_array_append (out, payload, size);
  for (gsize i = 0; i < size; i++)
    out->data[start + i] ^= mask[i % 4];
}

void
frame_append_close (GByteArray *out, guint16 code, const char *reason)
{
  g_autoptr (GByteArray) payload = g_byte_array_new ();

  if (code != 0)
    append_big_endian (payload, code, 2);
  if (reason != NULL)
    g_byte_array_append (payload, (const guint8 *) reason, strlen (reason));
  frame_append (out, FRAME_FIN | FRAME_CLOSE, payload->data, payload->len);
}

gboolean
frame_read (const GByteArray *in, Frame *frame)
{
  gsize length_size;
  guint64 size = 0;

  if (in->len < 2)
    return FALSE;

  g_assert_cmphex (in->data[0] & 0xF0, ==, FRAME_FIN);
  g_assert_cmphex (in->data[1] & 0x80, ==, 0);
  length_size = in->data[1] == 126 ? 2 : in->data[1] == 127 ? 8 : 0;
  if (in->len < 2 + length_size)
    return FALSE;

  for (gsize i = 0; i < length_size; i++)
    size = size << 8 | in->data[2 + i];
  if (length_size == 0)
    size = in->data[1];
  else
    g_assert_cmpuint (size, >=, length_size == 2 ? 126 : 65536);

  *frame = (Frame){ .opcode = in->data[0] & 0x0F,
                    .header_size = 2 + length_size,
                    .size = size,
                    .payload = in->data + 2 + length_size };
  return in->len - frame->header_size >= size;
}

GBytes *
make_payload (guint64 number, gsize size)
{
  guint8 *data = g_malloc (size);
  guint32 state = number * 2654435761u + 1;

  for (gsize i = 0; i < size; i++)
    {
      state = state * 1664525 + 1013904223;
      data[i] = 'a' + (state >> 24) % 26;
    }

  return g_bytes_new_take (data, size);
}
