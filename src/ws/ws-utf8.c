/* SPDX-License-Identifier: MIT */
/* Copyright the Ringdown authors */

/* Validates UTF-8 incrementally (Unicode standard, table 3-7): the first byte of a character sets
 * the range of the second. This excludes overlong forms, surrogates and values over U+10FFFF. */

#include "ws-utf8.h"

#include <string.h>

#define HIGH_BITS G_GUINT64_CONSTANT (0x8080808080808080)

/* Sets the number of bytes expected after @lead, and the range of the first of these bytes.
 * Returns: TRUE, or FALSE if @lead is invalid. */
static gboolean
begin_character (WsUtf8 *utf8, guint8 lead)
{
  if (lead < 0xC2 || lead > 0xF4)
    return FALSE;

  utf8->missing = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
  /* lower values are overlong */
  utf8->low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  /* higher values are surrogates (after 0xED) or over U+10FFFF (after 0xF4) */
  utf8->high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  return TRUE;
}

/* Returns: the number of ASCII bytes at the start of @data, rounded down to a multiple of 8. */
static gsize
skip_ascii (const guint8 *data, gsize size)
{
  gsize done = 0;
  guint64 word;

  for (; size - done >= sizeof word; done += sizeof word)
    {
      memcpy (&word, data + done, sizeof word);
      if ((word & HIGH_BITS) != 0)
        break;
    }

  return done;
}

gboolean
ws_utf8_feed (WsUtf8 *utf8, const guint8 *data, gsize size)
{
  gsize i = 0;

  while (i < size)
    {
      if (utf8->missing == 0)
        {
          i += skip_ascii (data + i, size - i);
          if (i == size)
            return TRUE;
          if (data[i] >= 0x80 && !begin_character (utf8, data[i]))
            return FALSE;
        }
      else
        {
          if (data[i] < utf8->low || data[i] > utf8->high)
            return FALSE;
          utf8->missing--;
          utf8->low = 0x80;
          utf8->high = 0xBF;
        }
      i++;
    }

  return TRUE;
}

gboolean
ws_utf8_is_complete (const WsUtf8 *utf8)
{
  return utf8->missing == 0;
}

gboolean
ws_utf8_is_text (const guint8 *data, gsize size)
{
  WsUtf8 utf8 = { 0 };

  return ws_utf8_feed (&utf8, data, size) && ws_utf8_is_complete (&utf8);
}
