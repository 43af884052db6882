/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* The parts of RFC 6455 that the load generator and the limit server share: frame headers, masking,
 * and fields of the handshake. It shares no code with Ringdown, so that the faults of one side
 * are found by the other. */

#include "wire.h"

#include <string.h>

gboolean
wire_parse_header (const guint8 *data, gsize size, WireFrame *frame)
{
  guint length7;
  gsize extended;

  if (size < 2)
    return FALSE;
  length7 = data[1] & 0x7f;
  extended = length7 < 126 ? 0 : length7 == 126 ? 2 : 8;
  frame->opcode = data[0] & 0x0f;
  frame->final = (data[0] & 0x80) != 0;
  frame->reserved_bits = (data[0] & 0x70) != 0;
  frame->masked = (data[1] & 0x80) != 0;
  frame->header = 2 + extended + (frame->masked ? 4 : 0);
  if (size < frame->header)
    return FALSE;
  frame->length = extended == 0 ? length7 : 0;
  for (gsize i = 0; i < extended; i++)
    frame->length = frame->length << 8 | data[2 + i];
  return TRUE;
}

gsize
wire_write_header (guint8 *out, WireOpcode opcode, guint64 length, const guint8 *key)
{
  gsize extended = length < 126 ? 0 : length <= G_MAXUINT16 ? 2 : 8;
  gsize n = 2;

  out[0] = 0x80 | opcode;
  out[1] = extended == 0 ? length : extended == 2 ? 126 : 127;
  for (gsize i = extended; i-- > 0;)
    out[n++] = length >> (8 * i);
  if (key == NULL)
    return n;
  out[1] |= 0x80;
  memcpy (out + n, key, 4);
  return n + 4;
}

void
wire_mask (guint8 *payload, gsize length, const guint8 *key)
{
  guint64 wide_key, word;
  gsize i = 0;

  memcpy (&wide_key, key, 4);
  memcpy ((guint8 *) &wide_key + 4, key, 4);
  for (; i + sizeof word <= length; i += sizeof word)
    {
      memcpy (&word, payload + i, sizeof word);
      word ^= wide_key;
      memcpy (payload + i, &word, sizeof word);
    }
  for (; i < length; i++)
    payload[i] ^= key[i & 3];
}

char *
wire_find_field (const char *head, const char *name)
{
  gsize length = strlen (name);

  for (const char *line = strstr (head, "\r\n"); line != NULL; line = strstr (line, "\r\n"))
    {
      line += 2;
      if (g_ascii_strncasecmp (line, name, length) == 0 && line[length] == ':')
        return g_strstrip (g_strndup (line + length + 1, strcspn (line + length + 1, "\r\n")));
    }
  return NULL;
}
